"""Files to write: refused before any work where their place or the kind that they name is wrong."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import cast

import click

from protonet.diagnostics import NetError

_CONVERTED = "`protonet convert WEIGHTS --prototxt NET -o FILE` writes it"
_MEAN = (
    "`protonet data mean DATABASE -o FILE` writes it, `protonet convert` turns one into the other"
)
_DRAWN = "`protonet draw NET -o FILE` draws it"
_WRITERS = {
    **dict.fromkeys((".caffemodel", ".h5", ".hdf5"), _CONVERTED),
    ".safetensors": f"{_CONVERTED}, and --weights beside -o net.py",
    ".prototxt": "`protonet upgrade NET -o FILE` writes it, and `protonet fmt` tidies it",
    ".py": "`protonet compile NET -o FILE` writes it",
    ".solverstate": "`protonet train` writes it",
    **dict.fromkeys((".binaryproto", ".npy"), _MEAN),
    **dict.fromkeys((".svg", ".png", ".pdf", ".html", ".dot"), _DRAWN),
    ".htm": "`protonet view NET --export net.html` writes it",
}


def refuse_other_kinds(
    output: str | os.PathLike[str], command: str, writes: str, own: Collection[str], such: str
) -> None:
    """NetError where a command's result would stand under the name of another kind of file.

    ``writes`` is what it writes, under the suffixes ``own`` or one that says nothing; ``such`` is
    how it is named.
    """
    suffix = Path(output).suffix.lower()
    if suffix in own:
        return
    from protonet.weights.save import ELSEWHERE  # numpy comes with it

    known = {**ELSEWHERE, **_WRITERS}
    if suffix in known:
        named = f"`protonet {command}` writes {writes}"
        what = f"{os.fspath(output)}: {named}, no file under the suffix {suffix!r}"
        raise NetError(what, None, f"name {such}; {known[suffix]}")


class NewFile(click.Path):  # type: ignore[type-arg,unused-ignore]
    """A file to write, whose place is looked at as the command line is read.

    With ``folder`` it is a folder to be made; with ``stdout`` - stands for stdout, the default.
    """

    def __init__(
        self, *, folder: bool = False, stdout: bool = False, path_type: type | None = None
    ) -> None:
        super().__init__(path_type=path_type)
        self.folder, self.stdout = folder, stdout

    def convert(  # type: ignore[override]
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | os.PathLike[str] | None:
        if self.stdout and value == "-":
            return None
        path = cast("str | os.PathLike[str]", super().convert(value, param, ctx))
        if not (ctx and ctx.resilient_parsing):
            refuse_unwritable(path, folder=self.folder)
        return path


def refuse_unwritable(output: str | os.PathLike[str], *, folder: bool = False) -> None:
    """NetError where no file can be written under a name: said before the work, not after it."""
    name = os.fspath(output)
    target = Path(os.path.realpath(name))
    around = target.parent
    what, hint = "", None
    if target.is_dir() and not folder:
        what, hint = "it is a folder", f"name a file in it: {os.path.join(name, 'FILE')}"
    elif not around.exists():
        shown = os.path.dirname(name.rstrip(os.sep)) or str(around)
        what, hint = f"there is no folder {shown!r}", f"mkdir -p {shown}"
    elif not around.is_dir():
        what = f"{around} is no folder"
    elif target.exists() and not target.is_file() and not folder:  # a device or a pipe
        what = "" if os.access(target, os.W_OK) else "permission denied"
    elif not os.access(around, os.W_OK | os.X_OK):
        what = f"nothing can be written to the folder {str(around)!r}"
    if what:
        raise NetError(f"{name} can't be written: {what}", None, hint)
