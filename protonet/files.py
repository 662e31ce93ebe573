"""Files written whole or not at all: beside their place first, then renamed over it."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The path of an empty file to write, which takes the place of ``path`` at the end.

    It stands in the same folder and has the same suffix. Where the block raises, ``path`` is as it
    was and nothing is left. What was written is on the disk before the rename; the permissions of
    a file that is replaced are kept, a link stays a link, and a device or pipe is written itself.
    OSError with the name of ``path`` where it can't be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        yield Path(path)
        return
    name = f".{target.stem[:80]}.{secrets.token_hex(4)}{target.suffix[:80]}"
    temporary = target.with_name(name)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        mode = (target if target.exists() else temporary).stat().st_mode
        yield temporary
        _settle(temporary, target, mode & 0o7777)
    except OSError as error:
        own = error.filename == str(temporary) or (error.filename is None and error.errno in FULL)
        if not own:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        with suppress(OSError):  # a folder that takes no file lets none be taken away either
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_together(paths: Sequence[str | os.PathLike[str]]) -> Iterator[list[Path]]:
    """The paths of empty files to write, which take the places of ``paths`` at the end, in order.

    As ``replacing``, but all that was written is on the disk before the first takes its place;
    where the block raises, or the disk is full, none does. The last of ``paths`` stands for the
    others: one that is replaced goes first, so that it never stands beside what is not its own.
    """
    with ExitStack() as stack:
        last_first = [stack.enter_context(replacing(path)) for path in reversed(paths)]
        yield last_first[::-1]
        for path, temporary in zip(reversed(paths), last_first, strict=True):
            _sync_file(temporary, path)
        Path(os.path.realpath(paths[-1])).unlink(missing_ok=True)


def remove_leftovers(folder: str | os.PathLike[str], stem: str, before: float) -> None:
    """Remove what a killed process left half written for files whose names match ``stem``.

    ``stem`` is a regular expression. What was touched after the time ``before`` stays: another
    process may be writing it.
    """
    left = re.compile(rf"\.(?:{stem})\.[0-9a-f]{{8}}(?:\.\w+)?")
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):
                if left.fullmatch(entry.name) and entry.stat().st_mtime < before:
                    os.unlink(entry)


def write_whole(path: str | os.PathLike[str], content: str | bytes | memoryview) -> None:
    """Write a text, as UTF-8 and with its line ends as they are, or bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def _settle(temporary: Path, target: Path, mode: int) -> None:
    """Bring a finished file to the disk, then to its place."""
    _sync_file(temporary, temporary)
    temporary.chmod(mode)  # a library may have put a file of its own there
    os.replace(temporary, target)
    if os.name == "posix":
        with suppress(OSError):
            _sync_folder(target.parent)


def _sync_file(temporary: Path, target: str | os.PathLike[str]) -> None:
    """Bring a file to the disk. OSError with the name of ``target`` where it has no room."""
    try:
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(target)) from None


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk; not every file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_folder(path: str | os.PathLike[str], texts: Mapping[str, str]) -> None:
    """Write a new folder of texts by name, whole or not at all. OSError where it can't be."""
    target = Path(os.path.abspath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:80]}.{secrets.token_hex(4)}")
    try:
        temporary.mkdir()
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8", newline="")
        temporary.rename(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
