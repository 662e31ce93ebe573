"""The logs that --log names."""

from __future__ import annotations

import sys

from protonet.given import one_given
from protonet.notebook import in_notebook
from protonet.training.log import BoardLog, CaffeLog, JsonLog, Log, Logs
from protonet.training.notebook_log import NotebookLog
from protonet.training.progress import ProgressLog

KINDS = ("auto", "caffe", "rich", "json", "none")


def open_log(kind: str, board: str | None = None) -> Log:
    """The log that ``--log`` names; ``auto`` is a bar on a terminal or in a notebook, else lines.

    Lines go where Caffe's go, to stderr; to stdout where only that is no terminal, so that
    ``| tee train.log`` takes them too.
    """
    one_given(kind, "log", KINDS)
    logs: list[Log] = []
    lines = sys.stdout if sys.stderr.isatty() and not sys.stdout.isatty() else sys.stderr
    if kind == "auto" and in_notebook():
        return Logs([NotebookLog(), *([BoardLog(board)] if board is not None else [])])
    if kind == "rich" or (kind == "auto" and sys.stderr.isatty()):
        logs.append(ProgressLog(quiet=kind == "auto" and lines is sys.stdout))
    if kind == "caffe" or (kind == "auto" and not lines.isatty()):
        logs.append(CaffeLog(lines))
    if kind == "json":
        logs.append(JsonLog(sys.stdout))
    if board is not None:
        logs.append(BoardLog(board))
    return Logs(logs)
