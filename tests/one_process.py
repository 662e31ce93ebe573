"""The command in this process: what `python -m protonet` would do, without the start of another."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

from protonet import cli

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def run(*arguments, cwd=None):
    """A command's exit code and what it wrote, as of a process that ended."""
    command = ["protonet", *map(str, arguments)]
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    with contextlib.ExitStack() as stack:
        for number in SIGNALS:
            stack.callback(signal.signal, number, signal.getsignal(number))
        enter = stack.enter_context
        enter(mock.patch.object(sys, "argv", command))
        enter(mock.patch.object(cli, "_WARNED", set()))
        enter(mock.patch.dict("os.environ"))
        enter(warnings.catch_warnings())
        enter(contextlib.redirect_stdout(streams[0]))
        enter(contextlib.redirect_stderr(streams[1]))
        if cwd is not None:
            stack.callback(os.chdir, Path.cwd())
            os.chdir(cwd)
        code = ended()
    for stream in streams:
        stream.flush()
    return subprocess.CompletedProcess(
        command, code, *(s.buffer.getvalue().decode() for s in streams)
    )


def ended():
    """The exit code of protonet's main, which always leaves by SystemExit."""
    try:
        cli.main()
    except SystemExit as stop:
        return stop.code
    raise AssertionError("main returned")
