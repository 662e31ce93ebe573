"""The command in this process: what `python -m protonet` would do, without the start of another."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import pytest

from protonet import cli

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def run(*arguments, cwd=None):
    """A command's exit code and what it wrote, as of a process that ended."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    code = ended(arguments, *streams, cwd)
    for stream in streams:
        stream.flush()
    written = (stream.buffer.getvalue().decode() for stream in streams)
    return subprocess.CompletedProcess(arguments, code, *written)


def ended(arguments, stdout, stderr, cwd=None):
    """The exit code of protonet's main; the process is then as it was before."""
    with contextlib.ExitStack() as stack:
        for number in SIGNALS:
            stack.callback(signal.signal, number, signal.getsignal(number))
        enter = stack.enter_context
        enter(mock.patch.object(sys, "argv", ["protonet", *map(str, arguments)]))
        enter(mock.patch.object(cli, "_WARNED", set()))
        enter(mock.patch.dict("os.environ"))
        enter(warnings.catch_warnings())
        enter(contextlib.redirect_stdout(stdout))
        enter(contextlib.redirect_stderr(stderr))
        if cwd is not None:
            stack.callback(os.chdir, Path.cwd())
            os.chdir(cwd)
        with pytest.raises(SystemExit) as stop:
            cli.main()
    return stop.value.code


def run_alone(path):
    """A file as what Python is started with, where there is no protonet; what it prints."""
    ours = {name: m for name, m in sys.modules.items() if name.partition(".")[0] == "protonet"}
    printed = io.StringIO()
    sys.modules.update(dict.fromkeys(ours))
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.modules.update(ours)
    return printed.getvalue()
