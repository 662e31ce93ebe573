"""``import caffe`` and ``import caffe.io`` as imports of protonet.pycaffe and its modules."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType

_OURS = "protonet.pycaffe"


def install(first: bool = False) -> None:
    """Have ``import caffe`` find ours: where no other is installed, or ``first`` of all."""
    finders = [finder for finder in sys.meta_path if isinstance(finder, _Finder)]
    for finder in finders:
        sys.meta_path.remove(finder)
    sys.meta_path.insert(0 if first else len(sys.meta_path), _Finder())
    known = sys.modules.get("caffe")
    # A layer that ran before may have left a stand-in, which has no file.
    if known is not None and (first or getattr(known, "__spec__", None) is None):
        sys.modules["caffe"] = importlib.import_module(_OURS)


class _Finder(MetaPathFinder):
    """Finds caffe, and of its modules those that are ours."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "caffe" and not name.startswith("caffe."):
            return None
        ours = _OURS + name.removeprefix("caffe")
        if name != "caffe":
            if sys.modules.get("caffe") is not sys.modules.get(_OURS):
                return None  # another Caffe's own module
            if find_spec(ours) is None:
                return _of_checkout(name)
        return ModuleSpec(name, _Ours(ours), is_package=name in ("caffe", "caffe.proto"))


def _of_checkout(name: str) -> ModuleSpec | None:
    """A module that a fork added to its caffe package, such as SSD's model_libs.

    It is looked for in the places of sys.path, and in the Caffe checkout that CAFFE_ROOT names.
    """
    root = os.environ.get("CAFFE_ROOT")
    places = [*sys.path, *([os.path.join(root, "python")] if root else [])]
    inner = name.split(".")[:-1]
    return PathFinder.find_spec(name, [os.path.join(place, *inner) for place in places])


class _Ours(Loader):
    """Gives a module of ours under a second name, as it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import machinery put that of the second name there
