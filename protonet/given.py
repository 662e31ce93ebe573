"""What a caller in Python gives, looked at before it is used: one error each, with the way out."""

from __future__ import annotations

import operator
import os
import reprlib
from collections.abc import Mapping, Sequence
from typing import SupportsIndex

from protonet.diagnostics import NetError

_BOOLS = ("bool", "bool_")  # Python's and numpy's, which need not be there


def path_given(given: object, what: str, such: str) -> str:
    """A path as text. NetError, with one ``such`` as it might be, where it is none."""
    if not isinstance(given, str | os.PathLike) or not isinstance(os.fspath(given), str):
        raise _wrong(f"{what} is a path", given, such)
    if not os.fspath(given).strip():
        raise NetError(f"{what} names no file: it is {given!r}", None, f"give {such}")
    return os.fspath(given)


def flag_given(given: object, name: str) -> bool:
    """True or False. NetError where it is neither, as a text or an array is."""
    is_bool = type(given).__name__ in _BOOLS
    if not is_bool and not (isinstance(given, int) and given in (0, 1)):
        raise _wrong(f"{name} is True or False", given, f"{name}=True")
    return bool(given)


def number_given(given: object, name: str, least: int | None = None) -> int:
    """A whole number of at least ``least``. NetError where it is none, as 1.5 is."""
    if not isinstance(given, SupportsIndex):
        raise _wrong(f"{name} is a whole number", given, f"{name}={least or 0}")
    try:
        number = operator.index(given)
    except TypeError:
        raise _wrong(f"{name} is a whole number", given, f"{name}={least or 0}") from None
    if least is not None and number < least:
        what = f"{name} is at least {least}, not {number}"
        raise NetError(what, None, f"give {name}={least}")
    return number


def one_given(given: object, name: str, known: Sequence[str]) -> str:
    """One of the words that are known. NetError where it is another or no word."""
    if not isinstance(given, str) or given not in known:
        hint = f"it is one of {', '.join(known)}"
        raise NetError(f"the {name} {reprlib.repr(given)} is unknown", None, hint)
    return given


def mapping_given(given: object, what: str, such: str) -> None:
    """NetError, with one ``such`` as it might be, where it is no mapping."""
    if not isinstance(given, Mapping):
        raise _wrong(f"{what} are a mapping", given, such)


def _wrong(what: str, given: object, such: str) -> NetError:
    return NetError(f"{what}, not {reprlib.repr(given)}", None, f"give {such}")
