"""Decodes an image file to a `uint8` array, and rejects images that are not plain 8-bit ones."""

import io
import warnings
from pathlib import Path

import numpy as np

from benchmarks.harness.data.errors import DataError

LOSSY = {".jpg", ".jpeg"}
SUFFIXES = {".png", *LOSSY}
_FORMATS = {".png": ("PNG",), ".jpg": ("JPEG", "MPO"), ".jpeg": ("JPEG", "MPO")}
_GREY, _COLOUR, _WITH_ALPHA = ("1", "L"), ("RGB",), ("LA", "RGBA", "PA")
_ORIENTATION = 0x0112  # of EXIF
_MOST_PIXELS = 64 * 2**20


def files(folder: Path) -> list[Path]:
    """Returns the image files `folder/<class>/*`, sorted. Names that begin with a dot are ignored.

    Raises:
        DataError: if a path with an image's name is not a regular file, such as a pipe.
    """
    paths = sorted(
        path
        for path in folder.glob("[!.]*/[!.]*")
        if path.suffix.lower() in SUFFIXES and not path.is_dir()
    )
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path} is not a regular file, or it is a broken link.")
    return paths


def classes(folder: Path) -> list[str]:
    """Returns the names of the class folders, sorted. Names that begin with a dot are ignored."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def decode(path: Path, content: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns a `uint8` array of shape `(height, width, channels)`, with 1 or 3 channels.

    If the EXIF data say that a camera stored the image rotated or mirrored, that is undone.

    Args:
        path: the file's path, for its suffix and for messages.
        content: the file's content.
        size: the required width and height. None (default): any size.

    Raises:
        DataError: if the image is damaged, has another size or format, has more than 8 bits per
            channel or transparent pixels, or is in a colour space without a unique conversion to
            RGB (such as CMYK).
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(f"Reading images needs Pillow: pip install pillow ({error}).") from error

    try:
        with warnings.catch_warnings():
            # `_check_kind` checks the size.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as opened:
                _check_kind(path, opened, size)
                return _pixels(path, opened)
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{path} is truncated or damaged. Expected: a whole image. Received: {error}."
        ) from error


def _check_kind(path: Path, opened, size: tuple[int, int] | None) -> None:
    """Checks format and size in the header, before the pixels are decoded."""
    expected = _FORMATS[path.suffix.lower()]
    if opened.format not in expected:
        raise DataError(
            f"{path} does not have the format that its suffix names. Expected: {expected[0]}. "
            f"Received: {opened.format}."
        )
    transposed = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    received = opened.size[::-1] if transposed else opened.size
    if size is not None and received != size:
        raise DataError(
            f"{path} has another size. "
            f"Expected: {size[0]}x{size[1]}. Received: {received[0]}x{received[1]}."
        )
    if received[0] * received[1] > _MOST_PIXELS:
        raise DataError(
            f"{path} is too large. Expected: at most {_MOST_PIXELS} pixels. "
            f"Received: {received[0]}x{received[1]}."
        )


def _pixels(path: Path, opened) -> np.ndarray:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(opened)
    transparent = "transparency" in image.info
    if image.mode == "P":
        image = image.convert("RGBA" if transparent else "RGB")
    elif transparent:
        image = image.convert("RGBA")
    if image.mode in _WITH_ALPHA:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            raise DataError(f"{path} is partly transparent. Expected: an opaque image.")
        image = image.convert("RGB" if opened.mode in ("RGBA", "P", "PA", "RGB") else "L")
    if image.mode not in _GREY + _COLOUR:
        raise DataError(
            f"{path} is not an image of 8 bits a channel, grey or RGB. "
            f"Received: Pillow's mode {image.mode}."
        )
    pixels = np.asarray(image.convert("L") if image.mode in _GREY else image)
    return pixels.reshape(*pixels.shape[:2], -1)


def with_channels(path: Path, image: np.ndarray, channels: int) -> np.ndarray:
    """Converts an image to 1 or 3 channels. An image that has colours is not converted to grey.

    Raises:
        DataError: if 1 channel is requested and the image has colours.
    """
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    if (image == image[..., :1]).all():
        return image[..., :1]
    raise DataError(f"{path} is in colour. Expected: a grey image.")
