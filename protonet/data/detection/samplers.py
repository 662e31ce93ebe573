"""Windows of an image sampled at random, held to what they must show of its boxes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.detection.boxes import WHOLE, Boxes, covered, overlaps
from protonet.data.detection.settings import KINDS
from protonet.data.detection.stream import Stream, drawn
from protonet.schema.pool import Message

_TOGETHER = 16  # attempts that are looked at together
_NUMBERS, _SPARE = 5, 128  # of each attempt; and those that are drawn again
_ZERO, _ONE = np.float32(0), np.float32(1)


@dataclass(frozen=True)
class Limits:
    """What a window must show: one of three measures of some box, at least and at most.

    Of several measures only the first decides, whatever the others say, as in the fork, which
    does not forget that a box has met the first. Source: SatisfySampleConstraint.
    """

    kind: int
    least: np.float32
    most: np.float32

    @classmethod
    def of(cls, p: Message) -> Limits | None:
        """From a SampleConstraint; None where it limits nothing."""
        for kind, name in enumerate(KINDS):
            fields = f"min_{name}", f"max_{name}"
            if any(p.HasField(field) for field in fields):
                low, high = (np.float32(getattr(p, field)) for field in fields)
                return cls(
                    kind,
                    low if p.HasField(fields[0]) else np.float32(-np.inf),
                    high if p.HasField(fields[1]) else np.float32(np.inf),
                )
        return None

    def met(self, windows: Floats, boxes: Boxes) -> NDArray[np.bool_]:
        """Which of the windows (n, 4) show enough, and not too much, of one of the boxes."""
        if not len(boxes):
            return np.zeros(len(windows), np.bool_)
        window, corners = windows[:, None], boxes.corners[None]
        if self.kind == 0:
            value = overlaps(window, corners, boxes.sizes)
        elif self.kind == 1:
            value = covered(window, corners)
        else:
            value = covered(corners, window, boxes.sizes)
        fits = (value >= self.least) & (value <= self.most)
        return np.asarray(fits.any(1))


class Sampler(Protocol):
    """Draws windows of an image."""

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """The windows (4,) to choose from. ``size`` tells the height and width of the image."""
        ...


@dataclass(frozen=True)
class BatchSampler:
    """Windows of a random scale and ratio. Source: GenerateSamples, SampleBBox."""

    scale: tuple[np.float32, np.float32]
    ratio: tuple[np.float32, np.float32]
    limits: Limits | None
    most: int | None
    trials: int

    @classmethod
    def of(cls, p: Message) -> BatchSampler:
        """From a BatchSampler message."""
        s = p.sampler
        scale = np.float32(s.min_scale), np.float32(s.max_scale)
        ratio = np.float32(s.min_aspect_ratio), np.float32(s.max_aspect_ratio)
        most = p.max_sample if p.HasField("max_sample") else None
        trials = p.max_trials if p.use_original_image else 0
        return cls(scale, ratio, Limits.of(p.sample_constraint), most, trials)

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """Those of ``trials`` attempts that meet the limits, up to ``most``."""
        found: list[Floats] = []
        left, together = self.trials, 1
        while left and (self.most is None or len(found) < self.most):
            tried, ends = self._ahead(stream, min(left, together))
            fits = [True] * len(tried) if self.limits is None else self.limits.met(tried, boxes)
            places = np.flatnonzero(fits)
            used = len(tried)
            if self.most is not None and len(places) >= self.most - len(found):
                places = places[: self.most - len(found)]
                used = int(places[-1]) + 1
            stream.skip(ends[used - 1])
            found += [tried[place] for place in places]
            left -= used
            together = min(4 * together, _TOGETHER)
        return found

    def _ahead(self, stream: Stream, count: int) -> tuple[Floats, list[int]]:
        """The next attempts (n, 4), and how many numbers each has taken with those before it.

        The numbers stay to be drawn: of the attempts behind one that ends the search none was made.
        """
        numbers = stream.peek(_SPARE + _NUMBERS * count).tolist()
        windows: list[list[np.float32]] = []
        ends: list[int] = []
        at = 0

        def draw() -> int:
            nonlocal at
            at += 1
            number: int = numbers[at - 1]
            return number

        while len(windows) < count and at + _SPARE <= len(numbers):
            windows.append(self._window(draw))
            ends.append(at)
        return np.array(windows, np.float32), ends

    def _window(self, draw: Callable[[], int]) -> list[np.float32]:
        scale, ratio = drawn(draw, *self.scale), drawn(draw, *self.ratio)
        square = float(scale) ** 2
        ratio = min(max(ratio, np.float32(square)), np.float32(1 / square))
        root = math.sqrt(ratio)
        width, height = np.float32(float(scale) * root), np.float32(float(scale) / root)
        left = drawn(draw, _ZERO, max(_ONE - width, _ZERO))
        top = drawn(draw, _ZERO, max(_ONE - height, _ZERO))
        return [left, top, left + width, top + height]


@dataclass(frozen=True)
class Jitter:
    """A window a little smaller than the image, or all of it, of MobileNet-YOLO's fork.

    Source: its GenerateJitterSamples.
    """

    amount: float
    keeps_aspect: bool

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """One window."""
        change = stream.weighted((0.2, 0.2, 0.6))
        if not change:
            return [WHOLE]
        amount = np.float32(self.amount) / np.float32(2 if change == 1 else 1)
        least = float(np.float32(1) - amount)
        width = stream.uniform(least, 1)
        height = width if self.keeps_aspect else stream.uniform(least, 1)
        left = stream.uniform(0, max(float(1 - width), 0))
        top = stream.uniform(0, max(float(1 - height), 0))
        return [np.array([left, top, left + width, top + height], np.float32)]


@dataclass(frozen=True)
class EdgeJitter:
    """A window whose edges lie up to a tenth inside or outside the image's.

    All of the image where that covers too little of every box. Source: GenerateJitterSamples of
    yuqj1991's caffe_train, with its crop_type CROP_JITTER.
    """

    amount: float = 0.1
    limits: Limits = Limits(2, np.float32(0.85), np.float32(np.inf))

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """One window."""
        sides = [stream.uniform(-self.amount, self.amount) for _ in range(4)]
        left, right, top, bottom = sides
        width, height = np.float32(1) - left - right, np.float32(1) - top - bottom
        window = np.array([left, top, left + width, top + height], np.float32)
        return [window if self.limits.met(window[None], boxes)[0] else WHOLE]
