"""The mean average precision of a detector, as the solver of SSD's fork computes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats

Doubles = NDArray[np.float64]
_SAME = 1e-6


@dataclass
class Verdicts:
    """What DetectionEvaluate said of the boxes found, batch after batch.

    ``counts`` are the true boxes of each class, ``found`` the score and the verdict, 1 for right,
    of each box found of it. Source: Solver::TestDetection.
    """

    counts: dict[int, int] = field(default_factory=dict)
    found: dict[int, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, rows: Floats) -> None:
        """Take the rows (n, 5) of one batch; a box on a difficult one may be neither."""
        for image, label, score, right, wrong in rows.tolist():
            if image == -1:
                self.counts[int(label)] = self.counts.get(int(label), 0) + int(score)
            elif right or wrong:
                self.found.setdefault(int(label), []).append((score, int(right)))

    def precisions(self, version: str) -> dict[int, float]:
        """The average precision of each class; 0 where nothing of it was found."""
        return {
            label: average_precision(self.found.get(label, []), self.counts[label], version)
            for label in sorted(self.counts)
        }

    def mean(self, version: str) -> float:
        """The mean of the classes, those without a true box as 0, as in the fork."""
        values = self.precisions(version).values()
        return float(np.float32(sum(values)) / np.float32(len(values))) if values else 0.0


def average_precision(found: list[tuple[float, int]], count: int, version: str) -> float:
    """Of boxes found with their scores and verdicts, and the number of true ones.

    "11point" is VOC's of 2007, "MaxIntegral" that of 2012, "Integral" the area as it is.
    Source: ComputeAP.
    """
    if not found or not count:
        return 0.0
    verdicts = np.array([right for _, right in found])
    order = np.argsort([-np.float32(score) for score, _ in found], kind="stable")
    right = np.cumsum(verdicts[order])
    precision = (right / np.arange(1, len(right) + 1)).astype(np.float32)
    recall = (right / np.float32(count)).astype(np.float32)
    return {"11point": _points, "MaxIntegral": _highest, "Integral": _area}[version](
        precision.astype(np.float64), recall.astype(np.float64)
    )


def _points(precision: Doubles, recall: Doubles) -> float:
    """The mean of the best precisions from a tenth of the recall on, and the next."""
    least = (precision[recall >= tenth / 10] for tenth in range(11))
    return float(sum(part.max() if part.size else 0.0 for part in least) / 11)


def _highest(precision: Doubles, recall: Doubles) -> float:
    """The area below the best precision of each recall or more.

    Between two recalls it is that of the lower one, as the fork has it.
    """
    best = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(recall)
    return float(recall[0] * best[0] + (steps * best[:-1])[steps > _SAME].sum())


def _area(precision: Doubles, recall: Doubles) -> float:
    steps = np.diff(recall, prepend=0.0)
    return float((steps * precision)[steps > _SAME].sum())
