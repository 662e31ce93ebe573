"""Layers from outside the package: a file that the user names, or an installed entry point."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from importlib.machinery import PathFinder
from pathlib import Path

from protonet.diagnostics import NetError
from protonet.layers.base import REGISTRY

GROUP = "protonet.layers"
_LOADED: set[str] = set()


def load_file(path: str | os.PathLike[str]) -> None:
    """Run a Python file whose layers register themselves; once, however often it is named.

    Raises NetError where it can't be read, fails, or registers nothing.
    """
    resolved = os.path.realpath(path)
    if resolved in _LOADED:
        return
    name = f"protonet_plugin_{len(_LOADED)}"
    try:
        code = compile(Path(resolved).read_bytes(), resolved, "exec")
    except (OSError, SyntaxError, ValueError) as error:
        place = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = getattr(error, "strerror", None) or getattr(error, "msg", error)
        raise NetError(f"the plugin {os.fspath(path)} can't be read{place}: {reason}") from None
    before = set(REGISTRY)
    spec = importlib.util.spec_from_file_location(name, resolved)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(code, module.__dict__)  # noqa: S102 (the user named this file to be run)
    except Exception as error:  # noqa: BLE001 (whatever a plugin does wrong is told the same way)
        for added in set(REGISTRY) - before:
            del REGISTRY[added]
        raise NetError(_failure(os.fspath(path), resolved, error)) from None
    if set(REGISTRY) == before:
        hint = "decorate its layer with @register"
        raise NetError(f"the plugin {os.fspath(path)} registers no layer", None, hint)
    _LOADED.add(resolved)


def _failure(shown: str, resolved: str, error: Exception) -> str:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == resolved]
    place = f", line {lines[-1]}" if lines else ""
    return f"the plugin {shown}{place} fails: {type(error).__name__}: {error}"


def load_entry_points() -> None:
    """Load the modules that installed packages name under ``protonet.layers``."""
    if not any(map(_may_name_some, sys.path)) and not any(map(_knows_packages, sys.meta_path)):
        return
    from importlib.metadata import entry_points  # which takes as long as all of a small net

    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:  # noqa: BLE001 (whatever a plugin does wrong is told the same way)
            what = f"the plugin {point.name!r} ({point.value}) fails: {error}"
            raise NetError(what, None, "uninstall or mend its package") from None


def _may_name_some(folder: str) -> bool:
    """Whether a package that is installed in a place of sys.path may name layers.

    What is no folder, such as a .zip, is left to importlib.metadata.
    """
    try:
        names = os.listdir(folder or ".")
    except NotADirectoryError:
        return True
    except OSError:
        return False
    kinds = (".dist-info", ".egg-info", "egg-info")
    return any(_names_some(folder, name) for name in names if name.lower().endswith(kinds))


def _names_some(folder: str, info: str) -> bool:
    try:
        with open(os.path.join(folder, info, "entry_points.txt"), "rb") as file:
            return GROUP.encode() in file.read()
    except OSError:
        return False


def _knows_packages(finder: object) -> bool:
    """Whether it is a finder of packages besides that of sys.path."""
    return finder is not PathFinder and hasattr(finder, "find_distributions")
