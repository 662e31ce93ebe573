"""Running a script whose ``import caffe`` means ours."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Sequence

from protonet.diagnostics import NetError
from protonet.pycaffe import compiled, control, hook, old_numpy, old_python, old_yaml

_USAGE = "usage: python -m protonet.pycaffe [--engine torch|onnxruntime|auto] script.py [arguments]"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def prepare() -> None:
    """Make this process one for old scripts: ``import caffe`` is ours, dropped names are there.

    A notebook calls it in its first cell.
    """
    hook.install(first=True)
    compiled.install()
    for old in (old_python, old_numpy, old_yaml):
        old.restore()


def run_script(script: str, arguments: Sequence[str]) -> int:
    """Run a script as ``python script.py arguments`` would; its exit code.

    NetError where the script is not there or is no Python that runs here. What it raises is told
    as Python tells it; of an error in a net the script's own lines alone, and the error.
    """
    if not os.path.exists(script):
        raise NetError(f"the script {script!r} is not there", None, "give the path of a .py file")
    prepare()
    sys.argv[:] = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SyntaxError as error:
        raise _old_python(error) from None
    except Exception as error:  # noqa: BLE001 (told as Python would)
        _tell(error, os.path.abspath(script))
        return 1
    return 0


def main(arguments: Sequence[str]) -> int:
    """``python -m protonet.pycaffe [--engine NAME] script.py arguments``; the exit code."""
    given = list(arguments)
    engine = given[1:2] if given[:1] == ["--engine"] else []
    del given[: 2 * len(engine)]
    if not given or given[0].startswith("-"):
        print(_USAGE, file=sys.stderr)
        return 0 if given[:1] in (["-h"], ["--help"]) else 2
    try:
        for name in engine:
            control.set_engine(name)
        return run_script(given[0], given[1:])
    except NetError as error:
        print(error, file=sys.stderr)
        return 1


def _old_python(error: SyntaxError) -> NetError:
    where = f"{error.filename}:{error.lineno}: " if error.filename else ""
    line = (error.text or "").strip()
    what = f"{where}Python {sys.version_info[0]} can't read {line!r}: {error.msg}"
    hint = "a script of Python 2 is made one of Python 3 by `2to3 -w -n SCRIPT`"
    if isinstance(error, TabError):
        hint = "a tab was 8 spaces in Python 2: `expand -t 8 SCRIPT` writes them"
    return NetError(what, None, hint)


def _tell(error: Exception, script: str) -> None:
    """The traceback from the script's first line on; of a net's error without our own lines."""
    told = traceback.TracebackException.from_exception(error)
    places = [os.path.abspath(frame.filename) for frame in told.stack]
    first = places.index(script) if script in places else 0
    kept = list(told.stack)[first:]
    if isinstance(error, NetError):
        own = _PACKAGE + os.sep
        kept = [f for f in kept if not os.path.abspath(f.filename).startswith(own)]
    told.stack = traceback.StackSummary.from_list(kept)
    if not isinstance(error, NetError):
        print("".join(told.format()), end="", file=sys.stderr)
        return
    print("Traceback (most recent call last):", file=sys.stderr)
    print("".join(told.stack.format()), end="", file=sys.stderr)
    print(error, file=sys.stderr)
