"""What a run tells while it goes: Caffe's log lines, JSON lines, TensorBoard scalars."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from protonet.diagnostics import NetError
from protonet.files import FULL
from protonet.plain import plain
from protonet.training.evaluate import Score


@dataclass(frozen=True)
class Speed:
    """Iterations a second, and the seconds and iterations since the last time it was said."""

    per_second: float
    seconds: float
    iterations: int


class Log:
    """Hears of everything; each kind of log writes down what it is for."""

    def said(self, text: str) -> None:
        """A line for a person."""

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        """The run begins, at an iteration, towards the last."""

    def trained(
        self, iteration: int, loss: float, scores: Sequence[Score], speed: Speed | None
    ) -> None:
        """The smoothed loss and the training net's outputs, every ``display`` iterations."""

    def rated(self, iteration: int, rate: float) -> None:
        """The learning rate, every ``display`` iterations."""

    def testing(self, iteration: int, number: int) -> None:
        """A test net is about to run."""

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        """The mean outputs of a test net; its mean loss under test_compute_loss."""

    def stepped(self, iteration: int, loss: float, rate: float, items: int) -> None:
        """One iteration is done; ``items`` images went into it."""

    def close(self) -> None:
        """The run is over."""


class Logs(Log):
    """Several logs as one: each hears of everything, in their order."""

    def __init__(self, logs: Sequence[Log]) -> None:
        self.logs = list(logs)

    def said(self, text: str) -> None:
        for log in self.logs:
            log.said(text)

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        for log in self.logs:
            log.started(name, policy, first, last)

    def trained(
        self, iteration: int, loss: float, scores: Sequence[Score], speed: Speed | None
    ) -> None:
        for log in self.logs:
            log.trained(iteration, loss, scores, speed)

    def rated(self, iteration: int, rate: float) -> None:
        for log in self.logs:
            log.rated(iteration, rate)

    def testing(self, iteration: int, number: int) -> None:
        for log in self.logs:
            log.testing(iteration, number)

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        for log in self.logs:
            log.tested(iteration, number, scores, loss)

    def stepped(self, iteration: int, loss: float, rate: float, items: int) -> None:
        for log in self.logs:
            log.stepped(iteration, loss, rate, items)

    def close(self) -> None:
        for log in self.logs:
            log.close()


class CaffeLog(Log):
    """The lines of Caffe's log, with glog's prefix, as tools/extra/parse_log.py reads them."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def said(self, text: str) -> None:
        self._line(text)

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        self._line(f"Solving {name}")
        self._line(f"Learning Rate Policy: {policy}")

    def trained(
        self, iteration: int, loss: float, scores: Sequence[Score], speed: Speed | None
    ) -> None:
        how = ""
        if speed is not None:
            how = f" ({speed.per_second:g} iter/s, {speed.seconds:g}s/{speed.iterations} iters)"
        self._line(f"Iteration {iteration}{how}, loss = {loss:g}")
        self._scores("Train", scores)

    def rated(self, iteration: int, rate: float) -> None:
        self._line(f"Iteration {iteration}, lr = {rate:g}")

    def testing(self, iteration: int, number: int) -> None:
        self._line(f"Iteration {iteration}, Testing net (#{number})")

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        if loss is not None:
            self._line(f"Test loss: {loss:g}")
        self._scores("Test", scores)

    def _scores(self, which: str, scores: Sequence[Score]) -> None:
        for index, score in enumerate(scores):
            part = f" (* {score.weight:g} = {score.weight * score.value:g} loss)"
            part = part if score.weight else ""
            self._line(f"    {which} net output #{index}: {score.blob} = {score.value:g}{part}")

    def _line(self, text: str) -> None:
        now = time.time()
        day = time.strftime("%m%d %H:%M:%S", time.localtime(now))
        micros = int(now % 1 * 1e6)
        prefix = f"I{day}.{micros:06d} {os.getpid():5d} solver.py:1]"
        _write(self.stream, f"{prefix} {plain(text)}\n")


class JsonLog(Log):
    """One JSON object a line, each with its ``event``."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def said(self, text: str) -> None:
        self._write(event="said", text=text)

    def started(self, name: str, policy: str, first: int, last: int) -> None:
        self._write(event="started", net=name, lr_policy=policy, iteration=first, max_iter=last)

    def trained(
        self, iteration: int, loss: float, scores: Sequence[Score], speed: Speed | None
    ) -> None:
        pace = {} if speed is None else {"iterations_per_second": speed.per_second}
        self._write(event="train", iteration=iteration, loss=loss, **_outputs(scores), **pace)

    def rated(self, iteration: int, rate: float) -> None:
        self._write(event="rate", iteration=iteration, lr=rate)

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        more = {} if loss is None else {"loss": loss}
        self._write(event="test", iteration=iteration, net=number, **_outputs(scores), **more)

    def _write(self, **event: Any) -> None:
        _write(self.stream, json.dumps({**event, "time": round(time.time(), 3)}) + "\n")


def _write(stream: IO[str], line: str) -> None:
    """Write a line at once; on a full disk the training goes on without it, as glog's does."""
    try:
        stream.write(line)
        stream.flush()
    except OSError as error:
        if error.errno not in FULL:
            raise


class BoardLog(Log):
    """Scalars for TensorBoard."""

    def __init__(self, folder: str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            hint = 'pip install "protonet[board]"'
            raise NetError("--tensorboard needs the package tensorboard", None, hint) from None
        if os.path.exists(folder) and not os.path.isdir(folder):
            hint = "name a folder; it is made where it is not there"
            raise NetError(f"--tensorboard {folder}: this is a file", None, hint)
        self.writer = SummaryWriter(folder)  # type: ignore[no-untyped-call,unused-ignore]

    def trained(
        self, iteration: int, loss: float, scores: Sequence[Score], speed: Speed | None
    ) -> None:
        self._add("train/smoothed_loss", loss, iteration)
        for name, value in _named(scores).items():
            self._add(f"train/{name}", value, iteration)

    def rated(self, iteration: int, rate: float) -> None:
        self._add("train/lr", rate, iteration)

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        for name, value in _named(scores).items():
            self._add(f"test{number}/{name}", value, iteration)

    def close(self) -> None:
        self.writer.close()  # type: ignore[no-untyped-call,unused-ignore]

    def _add(self, name: str, value: float, iteration: int) -> None:
        self.writer.add_scalar(plain(name), value, iteration)  # type: ignore[no-untyped-call,unused-ignore]


def _outputs(scores: Sequence[Score]) -> dict[str, Any]:
    """What JSON says of outputs: their numbers, and which of them are losses."""
    losses = sorted({score.blob for score in scores if score.weight})
    return {"outputs": _named(scores), "losses": losses}


def _named(scores: Sequence[Score]) -> dict[str, float]:
    """Scores by their blob; the numbers of a blob of several are numbered."""
    named: dict[str, float] = {}
    for score in scores:
        number = 0
        while (name := f"{score.blob}_{number}" if number else score.blob) in named:
            number += 1
        named[name] = score.value
    return named
