"""One image file to an array of bytes; what is not a plain 8-bit image is refused by name."""

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
        DataError: if something has an image's name and is not a file, such as a pipe.
    """
    found = sorted(
        path
        for path in folder.glob("[!.]*/[!.]*")
        if path.suffix.lower() in SUFFIXES and not path.is_dir()
    )
    for path in found:
        if not path.is_file():
            raise DataError(f"{path} is not a regular file, or a link to nothing.")
    return found


def classes(folder: Path) -> list[str]:
    """Returns the names of the class folders, sorted. Names that begin with a dot are ignored."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def decode(path: Path, content: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns unsigned bytes of shape `(height, width, channels)`, with 1 or 3 channels.

    An image that a camera stored turned, as its EXIF data say, is turned back.

    Args:
        path: of the file, for its suffix and for messages.
        content: of the file.
        size: the width and height that it must have, if that is known.

    Raises:
        DataError: if it is damaged, has another size or format, more than 8 bits a channel, a
            transparent part, or colours in a form that has no one conversion (such as CMYK).
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError(f"Reading images needs Pillow: pip install pillow ({error}).") from error

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # size is checked below
            with Image.open(io.BytesIO(content)) as opened:
                _check_kind(path, opened, size)
                return _pixels(path, opened)
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{path} is truncated or damaged. Expected: a whole image. Received: {error}."
        ) from error


def _check_kind(path: Path, opened, size: tuple[int, int] | None) -> None:
    """Looks at the header alone, before anything is unpacked."""
    expected = _FORMATS[path.suffix.lower()]
    if opened.format not in expected:
        raise DataError(
            f"{path} is not what its name says. Expected: {expected[0]}. Received: {opened.format}."
        )
    turned = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    received = opened.size[::-1] if turned else opened.size
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
    """Returns the image with `channels` channels; an image in colour is not made grey."""
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    if (image == image[..., :1]).all():
        return image[..., :1]
    raise DataError(f"{path} is in colour. Expected: a grey image.")
