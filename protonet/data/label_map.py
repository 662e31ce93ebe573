"""Maps of labels in image files: a number for each pixel, and not a colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.extras import need
from protonet.data.image_decode import Image, decode
from protonet.data.image_files import content
from protonet.reading import taking

_PNG = b"\x89PNG"
_HINT = "write the labels as the values of a gray image with 8 bits"


def read_label_map(path: Path) -> Image:
    """The labels of a file as (height, width), uint8.

    ValueError where it is no gray image of 8 bits: OpenCV would make other numbers of a palette's
    colours, of 16 bits, or of fewer than 8. Source: ReadImageToCVMat, as it reads gray images.
    """
    data = content(path)
    image = decode(data, None)
    depth = data[24] if data.startswith(_PNG) and data[25:26] == b"\0" else 8
    if depth < 8:
        raise ValueError(f"it is a map of labels of {depth} bit, which OpenCV spreads; {_HINT}")
    if image.dtype != np.uint8:
        raise ValueError(f"it is a map of labels of {image.dtype}; {_HINT}")
    if image.ndim == 2:
        return image
    if image.shape[2] == 2 or (image[..., :3] != image[..., :1]).any():
        raise ValueError(f"its labels are colours, not numbers; {_HINT}")
    return np.ascontiguousarray(image[..., 0])


def nearest(labels: Image, height: int, width: int) -> Image:
    """Labels at another size, each the nearest of the old ones, by OpenCV's rule."""
    if labels.shape == (height, width):
        return labels
    cv2: Any = need("cv2", "a map of labels")
    with taking(f"OpenCV can't resize {labels.shape[0]}x{labels.shape[1]} to {height}x{width}"):
        resized: Image = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return resized
