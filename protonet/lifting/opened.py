"""A module that a function in a file of the user's own makes: ``my_models.py:make_net``."""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from torch import nn

from protonet.diagnostics import NetError, did_you_mean, or_none
from protonet.reading import near_files
from protonet.runtime.failure import first_line


def opened(source: str) -> nn.Module:
    """Run a file and call its function, or take its module. NetError where it gives no module.

    The user's own code runs, with the file's folder to import from.
    """
    path, _, name = source.rpartition(":")
    if not path.endswith(".py") or not name:
        hint = "a program of torch.export.save (.pt2), or my_models.py:make_net"
        raise NetError(f"{source} is nothing to lift", None, hint)
    if not Path(path).is_file():
        what = f"{path} can't be read: no such file or directory"
        raise NetError(what, None, or_none(near_files(path)))
    folder = str(Path(path).resolve().parent)
    sys.path.insert(0, folder)
    try:
        names = runpy.run_path(path, run_name=Path(path).stem)
        made = _named(names, name, path)
        is_function = callable(made) and not isinstance(made, nn.Module)
        module = made() if is_function else made
    except (NetError, MemoryError):
        raise
    except Exception as error:
        raise _failed(path, error) from error
    finally:
        sys.path.remove(folder)
    if not isinstance(module, nn.Module):
        what = f"{source} gives {type(module).__name__}, no nn.Module"
        raise NetError(what, None, "name a function without arguments that returns the module")
    return module


def _named(names: dict[str, Any], name: str, path: str) -> Any:
    if name not in names:
        known = [each for each in names if not each.startswith("_")]
        raise NetError(f"{path} has no {name!r}", None, did_you_mean(name, known))
    return names[name]


def _failed(path: str, error: Exception) -> NetError:
    """The user's exception with its line in the user's file."""
    if isinstance(error, SyntaxError):
        return NetError(f"{error.filename}:{error.lineno}: {error.msg}")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename) == Path(path)] or frames
    place = f"{own[-1].filename}:{own[-1].lineno} ({own[-1].line})"
    return NetError(f"{place}: {type(error).__name__}: {first_line(error)}")
