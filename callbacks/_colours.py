"""Colours of heat maps, and their encoding as small PNG images."""

import base64
import struct
import zlib

import numpy as np

# Evenly spaced anchors of two colour scales: from dark to bright, and from blue over white to red.
SEQUENTIAL = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
DIVERGING = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))


def colours(places, signed):
    """Colours of numbers from 0 to 1.

    Args:
        places: array of any shape with numbers from 0 to 1. NaN becomes transparent.
        signed: whether to use the diverging scale, which is white in the middle.

    Returns:
        Array of uint8 with a last axis of length 4: red, green, blue and opacity.
    """
    anchors = np.array(DIVERGING if signed else SEQUENTIAL, float)
    missing = np.isnan(places)
    along = np.where(missing, 0, places) * (len(anchors) - 1)
    channels = [np.interp(along, range(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.stack([*channels, np.where(missing, 0, 255)], axis=-1).round().astype(np.uint8)


def data_uri(pixels):
    """A uint8 image of shape `(height, width, 4)` as a data URI with a PNG."""
    height, width = pixels.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for name, content in (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
        (b"IEND", b""),
    ):
        checksum = zlib.crc32(name + content)
        png += struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
