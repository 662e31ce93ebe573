"""Running a script whose ``import caffe`` means ours."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from collections.abc import Sequence

from protonet.diagnostics import NetError
from protonet.pycaffe import compiled, hook, old_numpy, old_yaml

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run_script(script: str, arguments: Sequence[str]) -> int:
    """Run a script as ``python script.py arguments`` would; its exit code.

    NetError where the script is not there or is no Python that runs here. What is wrong with a net
    is told with the script's own lines alone; any other error of the script is its own.
    """
    if not os.path.isfile(script) and not os.path.isdir(script):
        raise NetError(f"the script {script!r} is not there", None, "give the path of a .py file")
    hook.install(first=True)
    compiled.install()
    old_numpy.restore()
    old_yaml.restore()
    sys.argv[:] = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SyntaxError as error:
        raise _old_python(error) from None
    except NetError as error:
        _tell(error)
        return 1
    return 0


def _old_python(error: SyntaxError) -> NetError:
    where = f"{error.filename}:{error.lineno}: " if error.filename else ""
    line = (error.text or "").strip()
    what = f"{where}Python {sys.version_info[0]} can't read {line!r}: {error.msg}"
    hint = "a script of Python 2 is made one of Python 3 by `2to3 -w -n SCRIPT`"
    return NetError(what, None, hint)


def _tell(error: NetError) -> None:
    """The lines of the script that led to an error, and the error without ours."""
    print("Traceback (most recent call last):", file=sys.stderr)
    for frame in traceback.extract_tb(error.__traceback__):
        ours = os.path.abspath(frame.filename).startswith(_PACKAGE + os.sep)
        if not ours and not frame.filename.startswith("<frozen"):
            print("".join(traceback.format_list([frame])), end="", file=sys.stderr)
    print(error, file=sys.stderr)
