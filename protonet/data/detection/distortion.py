"""Light and colour changed at random: what distort_param does to an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from protonet.arrays import Array
from protonet.data.detection.stream import Stream
from protonet.data.extras import need
from protonet.data.random import Random
from protonet.schema.pool import Message

_FIRST = ("brightness", "contrast", "saturation", "hue")
_LAST = ("brightness", "saturation", "hue", "contrast")


class Distortion(NamedTuple):
    """One step: its kind, and by how much, or the channels in their new order."""

    kind: str
    amount: np.float32
    order: tuple[int, ...] = ()


def draw_distortion(p: Message, stream: Stream, orders: Random) -> list[Distortion]:
    """The steps for one image, in their order. Source: ApplyDistort.

    New orders of the channels come from a generator of their own, as they do in the fork.
    """
    changes = [
        Distortion(kind, stream.uniform(*_range(p, kind)))
        for kind in (_FIRST if stream.uniform(0, 1) > 0.5 else _LAST)
        if stream.uniform(0, 1) < np.float32(getattr(p, f"{kind}_prob"))
    ]
    if stream.uniform(0, 1) < np.float32(p.random_order_prob):
        order = orders.shuffled(np.arange(3)).tolist()
        changes.append(Distortion("order", np.float32(0), tuple(order)))
    return changes


def _range(p: Message, kind: str) -> tuple[float, float]:
    if kind in ("brightness", "hue"):
        delta = getattr(p, f"{kind}_delta")
        return -delta, delta
    return getattr(p, f"{kind}_lower"), getattr(p, f"{kind}_upper")


def distorted(image: Array, changes: list[Distortion]) -> Array:
    """An image (height, width, 3) after the steps. ValueError where a gray one has no colour."""
    for change in changes:
        if change.kind == "brightness":
            image = _mapped(image, np.float32(1), change.amount)
        elif change.kind == "contrast":
            if abs(change.amount - np.float32(1)) > 1e-3:
                image = _mapped(image, change.amount, np.float32(0))
        elif image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"it is no image of three colours, and distort_param has {change[0]}")
        elif change.kind == "order":
            image = np.ascontiguousarray(image[..., list(change.order)])
        else:
            image = _in_hsv(image, change)
    return image


def _in_hsv(image: Array, change: Distortion) -> Array:
    """The saturation scaled, or the hue moved. Source: AdjustSaturation, AdjustHue."""
    cv2 = need("cv2", "an image")
    hsv: Array = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    if change.kind == "hue":
        if not change.amount:
            return image
        hsv[..., 0] = _mapped(hsv[..., 0], np.float32(1), change.amount)
    else:
        hsv[..., 1] = _mapped(hsv[..., 1], change.amount, np.float32(0))
    back: Array = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    return back


def _mapped(image: Array, scale: np.float32, shift: np.float32) -> Array:
    """Each value scaled and moved, rounded and kept within 8 bits. Source: cv::Mat::convertTo."""
    values = np.arange(256, dtype=np.float32) * scale + shift
    table = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    mapped: Array = np.take(table, image)
    return mapped
