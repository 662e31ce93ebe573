"""From a message back to text, with comments where they are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from protonet.schema.pool import is_repeated
from protonet.schema.sourcemap import Path

_INDENT = "  "


@dataclass
class Note:
    """The comments of a field or a block, each with its #.

    ``above`` stand on lines before it, ``beside`` on its first line, ``closing`` on the line of its
    closing brace, ``below`` on lines after it.
    """

    above: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    below: list[str] = field(default_factory=list)


Notes = Mapping[Path, Note]  # by the path of what they speak of; () is the whole text
_NONE = Note()


def to_text(message: Any, notes: Notes | None = None) -> str:
    """The message as prototxt, fields in the schema's order; binding it gives the message again."""
    from google.protobuf import text_format  # which takes long to import

    text = str(text_format.MessageToString(message, as_utf8=True))
    return _annotated(text, message.DESCRIPTOR, notes) if notes else text


def _annotated(text: str, descriptor: Any, notes: Notes) -> str:
    """The lines of a text, one field or brace each, with the comments between and behind them."""
    whole = notes.get((), _NONE)
    lines = list(whole.above)
    for line, path, opens, closes in _lines(text, descriptor):
        note = notes.get(path, _NONE)
        indent = line[: len(line) - len(line.lstrip())]
        if not closes:
            lines += [f"{indent}{comment}" for comment in note.above]
        behind = note.closing if closes else note.beside
        lines.append("  ".join([line, *behind[:1]]))
        lines += [f"{indent}{comment}" for comment in behind[1:]]
        if not opens:
            lines += [f"{indent}{comment}" for comment in note.below]
    return "\n".join([*lines, *whole.below]) + "\n"


def _lines(text: str, descriptor: Any) -> Iterator[tuple[str, Path, bool, bool]]:
    """Each line, the path of its field, and whether it opens a block or closes one."""
    path: Path = ()
    inside: list[tuple[Path, Any, Counter[str]]] = []
    counts: Counter[str] = Counter()
    for line in text.splitlines():
        word = line.strip()
        if word == "}":
            own = path
            path, descriptor, counts = inside.pop()
            yield line, own, False, True
            continue
        name = word.partition(" ")[0].removesuffix(":")
        known = descriptor.fields_by_name[name]
        own = (*path, name, counts[name]) if is_repeated(known) else (*path, name)
        counts[name] += 1
        opens = word.endswith("{") and known.message_type is not None
        yield line, own, opens, False
        if opens:
            inside.append((path, descriptor, counts))
            path, descriptor, counts = own, known.message_type, Counter()
