"""Files under a name that says another kind: refused, with the command that writes that kind."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

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
    from protonet.weights.save import ELSEWHERE

    suffix = Path(output).suffix.lower()
    known = {**ELSEWHERE, **_WRITERS}
    if suffix in known and suffix not in own:
        named = f"`protonet {command}` writes {writes}"
        what = f"{os.fspath(output)}: {named}, no file under the suffix {suffix!r}"
        raise NetError(what, None, f"name {such}; {known[suffix]}")
