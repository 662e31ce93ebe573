"""A progress line on a terminal: loss, rate, images a second, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from protonet.plain import plain
from protonet.training.evaluate import Score
from protonet.training.log import Log

_EVERY = 0.1
_KEPT = 0.9


class ProgressLog(Log):
    """The line, with test results and snapshots above it unless ``quiet``."""

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        self.quiet = quiet
        self.console = console or Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeRemainingColumn(),
            console=self.console,
        )
        self.task = self.progress.add_task("", start=False, numbers="")
        self.shown = self.counted = time.monotonic()
        self.items = 0
        self.speed = 0.0

    def said(self, text: str) -> None:
        self._print(text)

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        self.progress.update(self.task, description=plain(name), total=last, completed=first)
        self.progress.start_task(self.task)
        self.progress.start()
        self.shown = self.counted = time.monotonic()

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        means = [f"{score.blob} {score.value:.4g}" for score in scores]
        means += [] if loss is None else [f"test loss {loss:.4g}"]
        which = f" (net {number})" if number else ""
        self._print(f"iteration {iteration}, test{which}: {', '.join(means)}")
        self.counted, self.items = time.monotonic(), 0

    def stepped(self, iteration: int, loss: float, rate: float, items: int) -> None:
        self.items += items
        now = time.monotonic()
        if now - self.shown < _EVERY and iteration != self.progress.tasks[0].total:
            return
        speed = self.items / max(now - self.counted, 1e-9)
        self.speed = speed if not self.speed else _KEPT * self.speed + (1 - _KEPT) * speed
        numbers = f"loss {loss:.4g}  lr {rate:.3g}  {self.speed:,.0f} images/s"
        self.progress.update(self.task, completed=iteration, numbers=numbers)
        self.shown = self.counted = now
        self.items = 0

    def close(self) -> None:
        self.progress.stop()

    def _print(self, text: str) -> None:
        if not self.quiet:
            self.progress.console.print(plain(text), markup=False, highlight=False, soft_wrap=True)
