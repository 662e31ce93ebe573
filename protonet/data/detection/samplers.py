"""Windows of an image sampled at random, held to what they must show of its boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.detection.boxes import WHOLE, Boxes, covered, overlaps
from protonet.data.detection.stream import Stream, spread
from protonet.schema.pool import Message

_TOGETHER = 64  # attempts that are looked at together
_NUMBERS = 4  # of each attempt: scale, ratio, left, top
_KINDS = ("jaccard_overlap", "sample_coverage", "object_coverage")
Uniform = Callable[[Floats | float, Floats | float], Floats]


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
        for kind, name in enumerate(_KINDS):
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

    scale: tuple[float, float]
    ratio: tuple[float, float]
    limits: Limits | None
    most: int | None
    trials: int

    @classmethod
    def of(cls, p: Message) -> BatchSampler:
        """From a BatchSampler message."""
        s = p.sampler
        scale, ratio = (s.min_scale, s.max_scale), (s.min_aspect_ratio, s.max_aspect_ratio)
        most = p.max_sample if p.HasField("max_sample") else None
        trials = p.max_trials if p.use_original_image else 0
        return cls(scale, ratio, Limits.of(p.sample_constraint), most, trials)

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """Those of ``trials`` attempts that meet the limits, up to ``most``."""
        found: list[Floats] = []
        left = self.trials
        while left and (self.most is None or len(found) < self.most):
            tried = self._together(stream, min(left, _TOGETHER))
            fits = np.ones(len(tried), np.bool_)
            if self.limits is not None:
                fits = self.limits.met(tried, boxes)
            places = np.flatnonzero(fits)
            used = len(tried)
            if self.most is not None and len(places) >= self.most - len(found):
                places = places[: self.most - len(found)]
                used = int(places[-1]) + 1
            if len(tried) > 1:
                stream.skip(_NUMBERS * used)
            found += [tried[place] for place in places]
            left -= used
        return found

    def _together(self, stream: Stream, count: int) -> Floats:
        """Attempts whose numbers all count, still to be skipped; or else the next one, drawn."""
        numbers = stream.peek(_NUMBERS * count).reshape(count, _NUMBERS)
        columns, good = iter(numbers.T), np.ones(count, np.bool_)

        def ahead(low: Floats | float, high: Floats | float) -> Floats:
            values, fits = spread(next(columns), low, high)
            np.logical_and(good, fits, out=good)
            return values

        windows = self._window(ahead)
        usable = count if good.all() else int(good.argmin())
        if usable > 1:
            return windows[:usable]
        return self._window(lambda low, high: np.array([stream.uniform(_one(low), _one(high))]))

    def _window(self, uniform: Uniform) -> Floats:
        """Windows (n, 4) of n draws each."""
        scale, ratio = uniform(*self.scale), uniform(*self.ratio)
        square = scale.astype(np.float64) ** 2
        ratio = np.maximum(ratio, square.astype(np.float32))
        root = np.sqrt(np.minimum(ratio, (1 / square).astype(np.float32)).astype(np.float64))
        width, height = (scale * root).astype(np.float32), (scale / root).astype(np.float32)
        left = uniform(0.0, np.maximum(1 - width, 0))
        top = uniform(0.0, np.maximum(1 - height, 0))
        return np.stack([left, top, left + width, top + height], 1)


def _one(value: Floats | float) -> float:
    return float(np.asarray(value, np.float32).reshape(-1)[0])


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
