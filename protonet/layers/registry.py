"""The registry: a layer's file is imported when a net has a layer of its type."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from protonet.diagnostics import nearest

if TYPE_CHECKING:
    from protonet.layers.base import Layer

# How a layer's file begins its class; what can't be read so is imported at once.
_NAMES = re.compile(rb"^@register\(([^()]*)\)", re.MULTILINE)
_NAME = re.compile(rb'"([^"\\]+)"')


class Registry(MutableMapping[str, "type[Layer]"]):
    """The layer types by their names; those that no net has had yet are names alone."""

    def __init__(self) -> None:
        self._made: dict[str, type[Layer]] = {}
        self._waiting: dict[str, str] = {}

    def look_in(self, package: str, folder: str) -> None:
        """Know the types of a folder's files from their text, which says more than a list could.

        Where the text is not there, as in a package of compiled files, they are imported.
        """
        for found in iter_modules([folder]):
            if found.ispkg:
                continue
            module = f"{package}.{found.name}"
            names = _registered(found.module_finder.find_spec(found.name, None))
            if names is None:
                import_module(module)
            self._waiting.update(dict.fromkeys(names or (), module))

    def is_free(self, name: str, module: str) -> bool:
        """Whether a module may enter a class under a name: no other has it, or will have it."""
        return name not in self._made and self._waiting.get(name, module) == module

    def near(self, word: str) -> list[str]:
        """The types with names near a word, Caffe's own before the forks'."""
        return sorted(nearest(word, sorted(self)), key=self.is_of_fork)

    def is_of_fork(self, name: str) -> bool:
        """Whether a type is none of Caffe's own."""
        return ".contrib." in self[name].__module__

    def __getitem__(self, name: str) -> type[Layer]:
        if name not in self._made and name in self._waiting:
            import_module(self._waiting[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._made or name in self._waiting

    def __iter__(self) -> Iterator[str]:
        return iter([*self._made, *(name for name in self._waiting if name not in self._made)])

    def __len__(self) -> int:
        return len(self._made.keys() | self._waiting.keys())

    def __setitem__(self, name: str, cls: type[Layer]) -> None:
        self._made[name] = cls

    def __delitem__(self, name: str) -> None:
        del self._made[name]
        self._waiting.pop(name, None)


def _registered(spec: ModuleSpec | None) -> list[str] | None:
    """The names under which a file's text enters its classes; None where it can't be read so."""
    read = getattr(spec and spec.loader, "get_data", None)
    path = (spec and spec.origin) or ""
    if not path.endswith(".py") or not read:
        return None
    found = _NAMES.findall(read(path))
    names = [[name.decode() for name in _NAME.findall(inside)] for inside in found]
    return None if not all(names) else [name for each in names for name in each]
