"""From a path, a text or a message to a bound message with its places."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protonet.diagnostics import NetError, Source, Span
from protonet.reading import reading
from protonet.schema.bind import bind
from protonet.schema.mistaken import parsed
from protonet.schema.named import by_name, inside, nearby
from protonet.schema.pool import Message, message
from protonet.schema.sourcemap import SourceMap
from protonet.text.placeholders import NAME, filled
from protonet.text.tree import Block, Field, Scalar, Tree

_NETS = ("net", "train_net")

# Values for the placeholders of a template.
Define = Mapping[str, object] | None
# A path, a prototxt's text, one under a name of its own, or a message.
Readable = str | os.PathLike[str] | Source | Message


@dataclass(frozen=True)
class Loaded:
    """A message, where its parts stand in the text, and what is wrong with the text."""

    message: Any
    sourcemap: SourceMap
    errors: tuple[NetError, ...] = ()
    source: Source | None = None

    @property
    def encoding(self) -> str:
        """What the bytes of the text were read as, and are to be written as again."""
        return self.source.encoding if self.source else "utf-8"

    @property
    def folder(self) -> str:
        """The folder of the file that it was read from; "" for the working directory or a text."""
        return os.path.dirname(self.source.name) if self.source else ""


def load(source: Readable, kind: str = "NetParameter") -> Loaded:
    """Bind a path, a prototxt's text, or a message. NetError where nothing can be read."""
    if hasattr(source, "DESCRIPTOR"):
        return _from_message(source, kind)
    tree = parsed(open_source(source, kind))
    _refuse_other(tree, kind)
    return _bound(tree, kind)


def defined(source: Readable, define: Define) -> Readable:
    """A text with values in its placeholders; as it is where ``define`` gives none.

    NetError where a name is none, or a value more than the one word that it is to be.
    """
    if define is None:
        return source
    values = _defined(define)
    if not values or hasattr(source, "DESCRIPTOR"):
        return source
    return filled(open_source(source), values)


def _defined(define: Any) -> dict[str, str]:
    hint = 'give define={"WIDTH": 640}, or --define WIDTH=640'
    if not isinstance(define, Mapping):
        raise NetError(f"define gives names their values, not {define!r}", None, hint)
    values = {}
    for name, value in define.items():
        text = str(value)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise NetError(f"{name!r} is no placeholder's name", None, hint)
        if any(c in text for c in "\n\r{}#"):
            what = f"the value of {name} is one value, not {text!r}"
            raise NetError(what, None, hint)
        values[name] = text
    return values


def load_any(source: str | os.PathLike[str] | Source) -> Loaded:
    """Bind a file that holds a net or a solver."""
    tree = parsed(open_source(source))
    return _bound(tree, _kind(tree))


def _refuse_other(tree: Tree, kind: str) -> None:
    """NetError where a text is a solver in a net's place, or a net in a solver's."""
    known = _known(tree)
    if kind not in known or known[kind] >= max(known.values()):
        return
    first = tree.span(tree.items[0])
    if kind == "SolverParameter":
        hint = 'give the solver, whose net: "..." names this file; `protonet test` takes nets'
        raise NetError("this file is a net, not a solver", first, hint)
    named = [value for item in tree.items if item.name in _NETS for value in _texts(item)]
    net = f"its net, {named[0]}" if named else "the net that it names"
    hint = f"give {net}; `protonet train`, `check` and `fmt` take solvers"
    raise NetError("this file is a solver, not a net", first, hint)


def _texts(item: Field | Block) -> list[str]:
    values = item.values if isinstance(item, Field) else ()
    return [value.parts[0][1:-1] for value in values if isinstance(value, Scalar)]


def _kind(tree: Tree) -> str:
    """What a text holds: the message that knows more of its fields."""
    known = _known(tree)
    is_solver = known["SolverParameter"] > known["NetParameter"]
    return "SolverParameter" if is_solver else "NetParameter"


def _known(tree: Tree) -> dict[str, int]:
    """How many of a text's fields a net knows, and a solver."""
    names = [item.name for item in tree.items]
    return {
        kind: sum(name in message(kind).DESCRIPTOR.fields_by_name for name in names)
        for kind in ("NetParameter", "SolverParameter")
    }


def open_source(source: str | os.PathLike[str] | Source, kind: str = "NetParameter") -> Source:
    """Read a path, or take a text as it is, or under a name of its own.

    A name that is no path may be known for a message of the kind that is wanted.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, str) and is_text(source):
        return Source("<text>", source)
    if not isinstance(source, str | os.PathLike):
        what = f"a source is a path, a text or a message, not {type(source).__name__}"
        raise NetError(what)
    path = os.fspath(source)
    known = None if os.path.lexists(path) else by_name(path, kind)
    if known is not None:
        return open_source(known, kind)
    return decoded(path, _content(path))


def _content(path: str) -> bytes:
    """The bytes of a file. NetError, with what may be meant, where there is none."""
    try:
        with reading(path, "can't be read", None):
            return Path(path).read_bytes()
    except NetError as error:
        if not os.path.lexists(path):
            error.hint = nearby(path)
        elif os.path.isdir(path):
            error.hint = inside(path)
        raise


def decoded(name: str, data: bytes) -> Source:
    """A file's text; bytes of another encoding than UTF-8 stand for themselves, as in Caffe."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        where = Span(Source(name, ""), 0, 0)
        raise NetError("this file is in UTF-16, which Caffe can't read", where, "save it as UTF-8")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        if b"\0" in data:
            return Source(name, data.decode("utf-8", "replace"))
        return Source(name, data.decode("latin-1"), "latin-1")


def is_text(source: str) -> bool:
    """Whether a string is a prototxt itself rather than the path of one."""
    return any(c in source for c in "\n{") or not source.strip()


def _bound(tree: Tree, kind: str) -> Loaded:
    if not tree.items:
        where = Span(tree.source, 0, 0)
        raise NetError("the file is empty: it holds no field", where, "is it the right file?")
    try:
        bound, errors = bind(tree, kind)
    except UnicodeDecodeError:  # a string has escaped bytes of another encoding
        text = tree.source.text.encode("utf-8", "surrogatepass").decode("latin-1")
        return _bound(parsed(Source(tree.source.name, text, "latin-1")), kind)
    return Loaded(bound, SourceMap(tree), tuple(errors), tree.source)


def _from_message(source: Any, kind: str) -> Loaded:
    name = source.DESCRIPTOR.name
    if name != kind:
        raise NetError(f"the message is a {name}, not a {kind}")
    missing = source.FindInitializationErrors()
    if missing:
        raise NetError(f"the message lacks the required field {missing[0]}")
    own = message(kind)
    own.ParseFromString(source.SerializeToString())
    return Loaded(own, SourceMap(None))
