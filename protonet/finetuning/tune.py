"""A fine-tuning from its folder on: train, test, draw the curves, say how the net is used."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from protonet.diagnostics import NetError
from protonet.finetuning.make import DEPLOY, LABELS, Say
from protonet.finetuning.solver import NET, SOLVER
from protonet.training.curves import draw, read_log
from protonet.training.evaluate import Score
from protonet.training.log import CaffeLog, Log, Logs
from protonet.training.plan import Plan, plan
from protonet.training.progress import ProgressLog
from protonet.training.session import Trained, train

LOG, PICTURE = "train.log", "curves.png"
_STATE = re.compile(r"_iter_(\d+)\.solverstate")


@dataclass(frozen=True)
class Tuned:
    """What a fine-tuning leaves: its weights, and the mean outputs of each test."""

    folder: Path
    weights: Path
    trained: Trained
    tests: dict[int, list[Score]]

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the last test; None where the net has no layer that says one."""
        scores = self.trained.tests.get(0, [])
        return next((s.value for s in scores if not s.weight and "acc" in s.blob.lower()), None)


class TestsTold(Log):
    """Says the means of the tests, a line each."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.tests: dict[int, list[Score]] = {}

    def tested(
        self, iteration: int, number: int, scores: Sequence[Score], loss: float | None
    ) -> None:
        self.tests[iteration] = list(scores)
        means = ", ".join(f"{score.blob} {score.value:.4g}" for score in scores)
        self.say("test", f"iteration {iteration}: {means}")


def tune(folder: Path, device: str, say: Say, snapshot: str | None = None) -> Tuned:
    """Train as the folder's solver says, from its weights or from a snapshot.

    The log is written there, after what it has; its curves are drawn.
    """
    made = plan(folder / SOLVER)
    told = TestsTold(say)
    with (folder / LOG).open("a", encoding="utf-8") as stream:
        shown = [ProgressLog(quiet=True)] if sys.stderr.isatty() else []
        logs = Logs([told, CaffeLog(stream), *shown])
        with _interruption(folder):
            trained = train(made, snapshot=snapshot, device=device, log=logs)
    if not trained.signal:
        _draw(folder, say)
    return Tuned(folder, Path(_weights(made, trained)), trained, told.tests)


@contextmanager
def _interruption(folder: Path) -> Iterator[None]:
    """Say, of what ends a training in its middle, how it is gone on with."""
    try:
        yield
    except NetError as error:
        state = last_snapshot(folder)
        if state is not None and error.hint is None:
            hint = f"protonet finetune --resume {folder} goes on from {state}"
            raise NetError(error.message, error.span, hint) from None
        raise


def _weights(made: Plan, trained: Trained) -> str:
    suffix = ".h5" if trained.snapshot.endswith(".h5") else ""
    return f"{made.prefix}_iter_{trained.iteration}.caffemodel{suffix}"


def _draw(folder: Path, say: Say) -> None:
    """Draw the curves; without matplotlib say so, as the training itself is whole."""
    try:
        draw({folder.name: read_log(folder / LOG)}, folder / PICTURE)
    except NetError as error:
        say("curves", f"not drawn: {error.message}; {error.hint}")


def last_snapshot(folder: Path) -> Path | None:
    """The solver state of a folder that went furthest; None where there is none."""
    found = [(int(m[1]), path) for path in folder.glob("*.solverstate*") if (m := _iteration(path))]
    return max(found)[1] if found else None


def _iteration(path: Path) -> re.Match[str] | None:
    return _STATE.search(path.name)


def resumed(folder: Path) -> str:
    """The snapshot with which a fine-tuning is gone on with. NetError where there is none.

    "" where it was stopped before its first one: it begins anew.
    """
    missing = [name for name in (SOLVER, NET, DEPLOY, LABELS) if not (folder / name).is_file()]
    if missing:
        what = f"{folder} is no folder that `protonet finetune` made: {missing[0]} is not there"
        raise NetError(what, None, "name the folder that -o named")
    state = last_snapshot(folder)
    if state is None:
        return ""
    solver = plan(folder / SOLVER).solver
    found = _iteration(state)
    if found is not None and int(found[1]) >= solver.max_iter:
        what = f"{folder} has trained to its end, max_iter {solver.max_iter}"
        raise NetError(what, None, f"raise max_iter in {folder / SOLVER} to go on")
    return str(state)
