"""What noise_param does to an image, one step after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array
from protonet.data.detection.stream import Stream
from protonet.data.extras import need
from protonet.data.image_decode import decode
from protonet.schema.pool import Message

_STEP = 64  # of posterized colours
_CLIP = 4.0
_MOST_SPECKS = 1 << 22


def draw_specks(p: Message, stream: Stream, height: int, width: int) -> NDArray[np.int64] | None:
    """The columns and rows (n, 2) of saltpepper's pixels. Source: constantNoise."""
    if not p.saltpepper:
        return None
    count = int(np.float32(p.saltpepper_param.fraction) * width * height)
    if count > _MOST_SPECKS:
        raise ValueError(f"saltpepper would change {count:,} pixels, more than {_MOST_SPECKS:,}")
    numbers = stream.peek(2 * count).reshape(-1, 2).astype(np.int64)
    stream.skip(2 * count)
    specks: NDArray[np.int64] = numbers % (width, height)
    return specks


def noised(image: Array, p: Message, specks: NDArray[np.int64] | None) -> Array:
    """An image of 8 bits after the steps that are stated. ValueError where it has not the colours.

    ``prob`` says nothing, as in the fork. Source: ApplyNoise.
    """
    cv2 = need("cv2", "an image")
    if (p.decolorize or p.convert_to_hsv) and image.ndim != 3:
        raise ValueError("it is gray, and noise_param is for colours")
    if p.decolorize:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    image = _blurred(image, p)
    if p.erode:
        image = cv2.erode(image, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3), (1, 1)))
    if p.posterize:
        image = image // _STEP * _STEP + _STEP // 2
    if p.inverse:
        image = 255 - image
    if specks is not None:
        image = image.copy()
        image[specks[:, 1], specks[:, 0]] = _speck(p, image)
    if p.convert_to_hsv:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    return image


def _blurred(image: Array, p: Message) -> Array:
    """Blurred, equalized and packed."""
    cv2 = need("cv2", "an image")
    if p.gauss_blur:
        image = cv2.GaussianBlur(image, (7, 7), 1.5)
    if p.hist_eq:
        image = _of_light(image, cv2.equalizeHist)
    if p.clahe:
        image = _of_light(image, cv2.createCLAHE(clipLimit=_CLIP).apply)
    if p.jpeg > 0:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(p.jpeg)])
        image = decode(data.tobytes(), image.ndim == 3)
    return image


def _of_light(image: Array, change: Callable[[Array], Array]) -> Array:
    """A change of the lightness of an image of colours, or of a gray image."""
    cv2 = need("cv2", "an image")
    if image.ndim == 2:
        return change(image)
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)
    planes[..., 0] = change(np.ascontiguousarray(planes[..., 0]))
    back: Array = cv2.cvtColor(planes, cv2.COLOR_YCrCb2BGR)
    return back


def _speck(p: Message, image: Array) -> Array:
    """The values of a speck, one a channel."""
    values = np.array(p.saltpepper_param.value, np.float32).astype(np.uint8)
    channels = image.shape[2] if image.ndim == 3 else 1
    if len(values) not in (1, channels):
        what = f"saltpepper_param has {len(values)} values for {channels} channels"
        raise ValueError(what)
    return values if image.ndim == 3 else values[0]
