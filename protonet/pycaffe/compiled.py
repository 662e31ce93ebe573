"""Modules that a script's repository would have to compile, where only their source is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

# The module's name, and its functions: theirs, and ours in protonet.pycaffe.suppression.
_MODULES = {
    "cpu_nms": {"cpu_nms": "cpu_nms"},
    "gpu_nms": {"gpu_nms": "gpu_nms"},
    "cython_nms": {"nms": "cpu_nms"},
    "cython_bbox": {"bbox_overlaps": "bbox_overlaps"},
}


def install() -> None:
    """Find these modules after all other finders: one that was compiled goes first."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder):
    """Finds a module of the table in a package whose folder holds Cython's source of it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        last = name.rpartition(".")[2]
        if path is None or last not in _MODULES:
            return None
        stem = last.removeprefix("cython_")
        if not any((Path(folder) / f"{stem}.pyx").is_file() for folder in path):
            return None
        return ModuleSpec(name, _Numpy(_MODULES[last]))


class _Numpy(Loader):
    """Fills a module with functions of ours."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from protonet.pycaffe import suppression

        for theirs, name in self._names.items():
            setattr(module, theirs, getattr(suppression, name))
