"""A training in a notebook: a bar with the loss and the rate, the tests on lines of their own."""

from __future__ import annotations

import time
from collections.abc import Sequence

from protonet.notebook import NotebookBar
from protonet.plain import plain
from protonet.training.evaluate import Score
from protonet.training.log import Log


class NotebookLog(Log):
    """The bar, which is made when the run starts, and what a test found."""

    def __init__(self) -> None:
        self.bar: NotebookBar | None = None
        self._items, self._since = 0, time.monotonic()

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        self.bar = NotebookBar(plain(name), last, first)
        self._since = time.monotonic()

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        means = [f"{plain(score.blob)} {score.value:.4g}" for score in scores]
        means += [] if loss is None else [f"test loss {loss:.4g}"]
        which = f" (net {number})" if number else ""
        print(f"iteration {iteration}, test{which}: {', '.join(means)}")

    def stepped(self, iteration: int, loss: float, rate: float, items: int) -> None:
        self._items += items
        speed = self._items / max(time.monotonic() - self._since, 1e-9)
        if self.bar is not None:
            self.bar.reach(iteration, f"loss {loss:.4g}  lr {rate:.3g}  {speed:,.0f} images/s")
