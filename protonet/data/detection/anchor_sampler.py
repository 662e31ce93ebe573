"""Square windows that bring a box to the scale of an anchor, as face detectors are trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Floats
from protonet.data.detection.boxes import WHOLE, Boxes
from protonet.data.detection.samplers import Limits
from protonet.data.detection.stream import Stream
from protonet.schema.pool import Message

_LARGEST, _LEAST = np.float32(10_000), 1e-6


@dataclass(frozen=True)
class AnchorSampler:
    """A random box gets the size of one of the anchors of its own size or below.

    The windows may reach beyond the image. Source: GenerateDataAnchorSample of yuqj1991's
    caffe_train, with its crop_type CROP_ANCHOR.
    """

    anchors: tuple[int, ...]
    limits: Limits | None
    most: int | None
    trials: int
    net_height: int

    @classmethod
    def of(cls, p: Message, net_height: int) -> AnchorSampler:
        """From a DataAnchorSampler message, for images resized to ``net_height``."""
        most = p.max_sample if p.HasField("max_sample") else None
        limits = Limits.of(p.sample_constraint)
        return cls(tuple(p.scale), limits, most, p.max_trials, net_height)

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """Those that meet the limits; the whole image where none does. ValueError without boxes."""
        if not len(boxes):
            raise ValueError("it has no box, and data_anchor_sampler goes by one")
        found: list[Floats] = []
        for _ in range(self.trials):
            if self.most is not None and len(found) >= self.most:
                break
            window = self._window(stream, boxes, *size())
            if self.limits is None or self.limits.met(window[None], boxes)[0]:
                found.append(window)
        return found or [WHOLE]

    def _window(self, stream: Stream, boxes: Boxes, height: int, width: int) -> Floats:
        scale = np.array([width, height], np.float32)
        box = boxes.corners[stream.draw() % len(boxes)] * np.tile(scale, 2)
        extent = box[2:] - box[:2]
        area = float(extent[0] * extent[1])
        wanted = self._wanted(stream, area)
        factor = np.float32(self.net_height / max(float(wanted), _LEAST))
        side = min(np.float32(math.sqrt(max(area, 0))) * factor, _LARGEST)
        if side >= max(height, width):
            left = _between(stream, width - side, 0)
            top = _between(stream, height - side, 0)
        else:
            top = _between(stream, box[1] + extent[1] - side, box[1])
            left = _between(stream, box[0] + extent[0] - side, box[0])
        corners = np.array([left, top, left + side, top + side], np.float32)
        return (corners / np.tile(scale, 2)).astype(np.float32)

    def _wanted(self, stream: Stream, area: float) -> np.float32:
        """How large the box becomes."""
        anchors = self.anchors
        reach = 0
        for place, (low, high) in enumerate(zip(anchors, anchors[1:], strict=False)):
            if low**2 <= area < high**2:
                reach = place + 1
                break
        if len(anchors) > 1 and area > anchors[-2] ** 2:
            reach = len(anchors) - 2
        chosen = stream.draw() % reach if reach else 0
        least, most = float(anchors[chosen] // 2), float(anchors[chosen] * 2)
        if chosen == reach:
            most = min(most, 2 * math.sqrt(max(area, 0)))
        return _between(stream, least, most)


def _between(stream: Stream, one: float, other: float) -> np.float32:
    """A number between two, whichever is the greater."""
    return stream.uniform(min(one, other), max(one, other))
