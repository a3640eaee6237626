"""Arrays as small images, inside the page."""

from __future__ import annotations

import base64
import io
from functools import cache

import numpy as np

# From the page's ink over its green to its paper, each lighter than the one before.
_ANCHORS = ("#0b1211", "#12362f", "#0f6b5c", "#3fa791", "#a6dccb", "#fffbe8")
JPEG_QUALITY = 80


def heat_image(values: np.ndarray) -> str:
    """Return values as an image.

    Parameters
    ----------
    values : ndarray of float, shape (n_rows, n_columns)
        0 (dark) to 1 (light); what lies beyond is cut. Row 0 is the lowest.

    Returns
    -------
    str
        Address of a PNG that holds its own content.
    """
    from PIL import Image

    indices = np.rint(np.clip(values[::-1], 0, 1) * 255).astype(np.uint8)
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return data_address(buffer.getvalue(), "image/png")


def photograph(pixels: np.ndarray) -> str:
    """Return the address of a JPEG image of pixels, uint8 (height, width, 3)."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return data_address(buffer.getvalue(), "image/jpeg")


def data_address(content: bytes, kind: str) -> str:
    """Return an address that holds its own content."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


@cache
def _palette() -> bytes:
    anchors = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in _ANCHORS], float)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, i]) for i in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8).tobytes()
