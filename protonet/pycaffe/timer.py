"""Caffe's Timer."""

from __future__ import annotations

import time


class Timer:
    """The milliseconds between start and stop, or since start while it runs."""

    def __init__(self) -> None:
        self._start = 0.0
        self._passed = 0.0
        self._runs = False

    def start(self) -> None:
        """Start anew."""
        if not self._runs:
            self._start, self._runs = time.perf_counter(), True

    def stop(self) -> None:
        """Stop, and keep the time that passed."""
        if self._runs:
            self._passed, self._runs = time.perf_counter() - self._start, False

    @property
    def ms(self) -> float:
        """The time that passed; asking stops it, as in Caffe."""
        self.stop()
        return self._passed * 1000
