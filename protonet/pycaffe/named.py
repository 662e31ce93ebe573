"""The dictionaries that a net gives out, whose keys, values and items are lists as in Python 2."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, TypeVar

from protonet.diagnostics import NetError, did_you_mean

V = TypeVar("V")


class NoSuchName(NetError, KeyError, ValueError):
    """A net has no blob or layer of a name: KeyError and ValueError, as in pycaffe."""


class Listed(list[Any]):
    """What keys(), values() and items() give: a list, and a set's operators for keys."""

    def __and__(self, other: Any) -> set[Any]:
        return set(self) & set(other)

    def __or__(self, other: Any) -> set[Any]:
        return set(self) | set(other)

    def __sub__(self, other: Any) -> set[Any]:
        return set(self) - set(other)

    def __xor__(self, other: Any) -> set[Any]:
        return set(self) ^ set(other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


class Named(OrderedDict[str, V]):
    """An ordered dictionary by names of blobs or layers.

    ``keys()[0]``, ``iteritems()`` and ``has_key`` work as they did in Python 2. A name that is not
    there is an error with the nearest that is.
    """

    def __init__(self, what: str, items: Any = ()) -> None:
        self._what = what
        super().__init__(items)

    def __missing__(self, name: str) -> V:
        raise unknown(self._what, name, list(self))

    def __reduce__(self) -> Any:
        return type(self), (self._what, list(super().items()))

    def copy(self) -> Named[V]:
        """A dictionary of the same values."""
        return Named(self._what, super().items())

    def keys(self) -> Any:
        """The names, as a list."""
        return Listed(super().keys())

    def values(self) -> Any:
        """The values, as a list."""
        return Listed(super().values())

    def items(self) -> Any:
        """The pairs, as a list."""
        return Listed(super().items())

    def iterkeys(self) -> Iterator[str]:
        """The names, one by one. Python 2's."""
        return iter(self)

    def itervalues(self) -> Iterator[V]:
        """The values, one by one. Python 2's."""
        return iter(self.values())

    def iteritems(self) -> Iterator[tuple[str, V]]:
        """The pairs, one by one. Python 2's."""
        return iter(self.items())

    def viewkeys(self) -> Any:
        """The names. Python 2's."""
        return super().keys()

    def has_key(self, name: str) -> bool:
        """Whether a name is there. Python 2's."""
        return name in self


def unknown(what: str, name: Any, known: list[str]) -> NoSuchName:
    """The error that a net has no blob or layer of a name."""
    hint = did_you_mean(name, known) if isinstance(name, str) else None
    listed = ", ".join(known[:12]) + (f" and {len(known) - 12} more" if len(known) > 12 else "")
    return NoSuchName(f"the net has no {what} {name!r}", None, hint or f"it has {listed or 'none'}")
