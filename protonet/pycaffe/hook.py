"""``import caffe`` and ``import caffe.io`` as imports of protonet.pycaffe and its modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
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
                return None
        return ModuleSpec(name, _Ours(ours), is_package=name in ("caffe", "caffe.proto"))


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
