"""Names of Python 2 that scripts use which Python 3 can read; print statements are 2to3's part."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_BUILTINS = {"xrange": range, "raw_input": input, "unicode": str, "basestring": str, "long": int}
_MODULES = {
    "cPickle": "pickle",
    "Queue": "queue",
    "ConfigParser": "configparser",
    "__builtin__": "builtins",
}


def restore() -> None:
    """Give the builtins and modules of Python 2, in this process, whose meaning has not changed."""
    for name, value in _BUILTINS.items():
        if not hasattr(builtins, name):
            setattr(builtins, name, value)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
    with suppress(ImportError):  # where it is installed
        vars(importlib.import_module("PIL")).setdefault("__getattr__", _image)


def _image(name: str) -> ModuleType:
    """``PIL.Image`` where a script says ``import PIL``: scikit-image of pycaffe did that."""
    if name != "Image":
        raise AttributeError(f"module 'PIL' has no attribute {name!r}")
    return importlib.import_module("PIL.Image")


class _Finder(MetaPathFinder):
    """Finds modules under the names that they had, after all other finders."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, _Renamed(_MODULES[name])) if name in _MODULES else None


class _Renamed(Loader):
    """Fills a module with what another one has."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        now = importlib.import_module(self._name)
        module.__dict__.update({k: v for k, v in vars(now).items() if not k.startswith("__")})
