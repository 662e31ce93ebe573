"""The one place through which the exceptions of every foreign reader pass.

HDF5, LevelDB, OpenCV, torch, safetensors, gzip, protobuf, JSON and numpy raise what their parts
raise, and other things in their next release. A block that calls one of them stands inside one
of these, and nothing but its calls does: what comes out is one error that names the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from protonet.diagnostics import NetError, nearest, or_none

AGAIN = "copy or make it again"
_LONGEST = 200
_MANY = 10_000  # files of a folder whose names are looked at


@contextmanager
def reading(
    path: str | os.PathLike[str],
    wrong: str = "is damaged",
    hint: str | None = AGAIN,
    alias: str = "",
) -> Iterator[None]:
    """What a reader raises in the block as a NetError: the file, what is ``wrong``, the reason.

    ``wrong`` names the record where there are several; ``alias`` is a path that the reader was
    given for this one. A file that the system does not give is said to be so. NetError and
    MemoryError go through.
    """
    try:
        yield
    except (NetError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (what a foreign reader raises has no bounds)
        name = os.fspath(path)
        if isinstance(error, OSError) and error.errno:
            near = or_none(near_files(name)) if isinstance(error, FileNotFoundError) else None
            raise NetError(f"{name} can't be read: {reason(error)}", None, near) from None
        why = reason(error).replace(alias, name) if alias else reason(error)
        raise NetError(f"{name} {wrong}: {why}", None, hint) from None


@contextmanager
def taking(wrong: str) -> Iterator[None]:
    """What a reader raises in the block as a ValueError that says what is ``wrong``.

    For bytes whose place only the caller knows, who names it.
    """
    try:
        yield
    except (NetError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 (as above)
        raise ValueError(wrong) from None


def reason(error: BaseException) -> str:
    """Why, in the words of the system or of a library, on one line and not too long."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    text: object = error.args[0] if len(error.args) == 1 else error  # a KeyError shows it quoted
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    words = " ".join(str(text).split())
    return words[:_LONGEST] or type(error).__name__


def near_files(path: str | os.PathLike[str]) -> list[str]:
    """Paths that are there and whose names are near that of one that is not.

    The first folder or file on its way that is not there is looked for under another name; a name
    without its ending is one that says less.
    """
    wanted = Path(path)
    parts = [*reversed(wanted.parents), wanted]
    missing = next((part for part in parts if not part.exists()), None)
    if missing is None:
        return []
    try:
        names = sorted(entry.name for entry in islice(os.scandir(missing.parent), _MANY))
    except OSError:
        return []
    found = [missing.with_name(name) for name in nearest(missing.name, names)]
    rest = wanted.relative_to(missing)
    return [str(one / rest if (one / rest).exists() else one) for one in found]
