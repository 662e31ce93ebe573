"""Signals that ask a run to snapshot or to stop, as Caffe's; a second one stops at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from protonet.diagnostics import NetError

if TYPE_CHECKING:
    from typing_extensions import Self

ACTIONS = ("stop", "snapshot", "none")
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")  # Windows lacks some of them


class Signals:
    """What signals ask for, while it is entered; the handlers before are put back after it.

    ``effects`` gives the action of each signal by its name: stop, snapshot or none, which passes
    over it. The second signal that says stop raises KeyboardInterrupt, unless it is an ``echo``,
    seconds within which a launcher passes on what the terminal has sent. Source: SignalHandler.
    """

    def __init__(self, effects: Mapping[str, str] | None = None, echo: float = 0.0) -> None:
        given = {"SIGINT": "stop", "SIGTERM": "stop", "SIGHUP": "snapshot", **(effects or {})}
        _refuse_unknown(given)
        self.effects = {
            getattr(signal, name): action for name, action in given.items() if hasattr(signal, name)
        }
        self.stop = False
        self.snapshot = False
        self.received = 0
        self.echo = echo
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self.effects:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        action = self.effects[signal.Signals(number)]
        if action != "stop":
            self.snapshot = self.snapshot or action == "snapshot"
            return
        now = time.monotonic()
        if not self.stop:
            self.stop, self.received, self._since = True, number, now
        elif now - self._since > self.echo:
            raise KeyboardInterrupt


def _refuse_unknown(effects: Mapping[str, str]) -> None:
    for name, action in effects.items():
        if name not in _NAMES:
            raise NetError(f"no signal {name!r} is known", None, f"one of {', '.join(_NAMES)}")
        if action not in ACTIONS:
            what = f"the effect {action!r} of {name} is unknown"
            raise NetError(what, None, f"it is one of {', '.join(ACTIONS)}")
