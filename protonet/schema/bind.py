"""From a tree to a message: every field looked up, every value checked, every problem kept."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Kind

from protonet.diagnostics import NetError, Source, did_you_mean
from protonet.schema.forks import plugin_hint
from protonet.schema.pool import is_repeated, is_required, message
from protonet.text.parse import parse
from protonet.text.tree import Block, Field, Scalar, Tree

_ESCAPE = re.compile(
    rb"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL
)
_ESCAPES = dict(zip(b"abfnrtv\\'\"?", b"\a\b\f\n\r\t\v\\'\"?", strict=True))
_RADIX = (b"x", b"u", b"U")
# What protobuf's own reader takes for a number or a word, and Python's int for more than that.
_PLAIN = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\.?[0-9][0-9.eE+-]*[fF]?|[A-Za-z_][A-Za-z_0-9]*)")
# Forms that nothing has to be asked about: no octal, no suffix, nothing out of range.
_USUAL_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_USUAL = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{0,20})?(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_USUAL_BOOL = {"true": True, "false": False}
_OCTAL = re.compile(r"0[0-7]+")
_SIGNED = {Kind.TYPE_INT32: False, Kind.TYPE_INT64: True}
_UNSIGNED = {Kind.TYPE_UINT32: False, Kind.TYPE_UINT64: True}
_KINDS = {
    **dict.fromkeys(_SIGNED, "a whole number"),
    **dict.fromkeys(_UNSIGNED, "a whole number, not negative"),
    Kind.TYPE_FLOAT: "a number",
    Kind.TYPE_DOUBLE: "a number",
    Kind.TYPE_BOOL: "true or false",
    Kind.TYPE_STRING: "a string in quotes",
    Kind.TYPE_BYTES: "a string in quotes",
}


def bind(tree: Tree, name: str) -> tuple[Any, list[NetError]]:
    """The message of that name which a tree holds, and every problem on the way.

    UnicodeDecodeError where a string's bytes are not of the text's encoding.
    """
    made = message(name)
    binder = _Binder(tree)
    binder.items(made, tree.items)
    return made, sorted(binder.errors, key=lambda e: e.span.start if e.span else 0)


def bind_text(source: Source, name: str) -> tuple[Any, list[NetError]]:
    """As ``bind``, of a text; where a string's bytes are not UTF-8, all stand for themselves."""
    try:
        return bind(parse(source), name)
    except UnicodeDecodeError:
        text = source.text.encode("utf-8", "surrogatepass").decode("latin-1")
        return bind(parse(Source(source.name, text, "latin-1")), name)


@cache
def _fields(descriptor: Any) -> dict[str, tuple[Any, bool, bool]]:
    """Field by name: its descriptor, whether it is repeated, whether it is a message."""
    return {
        field.name: (field, is_repeated(field), field.message_type is not None)
        for field in descriptor.fields
    }


@cache
def _required(descriptor: Any) -> tuple[str, ...]:
    """The fields without which Caffe does not read a message."""
    return tuple(field.name for field in descriptor.fields if is_required(field))


class _Binder:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.encoding = tree.source.encoding
        self.errors: list[NetError] = []

    def items(self, target: Any, items: list[Field | Block]) -> None:
        fields = _fields(target.DESCRIPTOR)
        for item in items:
            known = fields.get(item.name)
            if known is None:
                self.unknown(target, item)
                continue
            field, repeated, is_message = known
            if type(item) is Block:
                self.block(target, field, repeated, item)
            elif is_message:
                assert isinstance(item, Field)
                self.messages(target, field, repeated, item)
            else:
                assert isinstance(item, Field)
                self.scalars(target, field, repeated, item)

    def scalars(self, target: Any, field: Any, repeated: bool, item: Field) -> None:
        if item.is_list and not self.is_listable(field, repeated, item):
            return
        for scalar in item.values:
            if isinstance(scalar, Block):
                self.fail(f"{field.name!r} takes {_wanted(field)}, not a block", scalar)
                continue
            try:
                value = _value(field, scalar.parts, self.encoding)
                if repeated:
                    getattr(target, field.name).append(value)
                elif target.HasField(field.name):
                    self.fail(f"{field.name!r} is given twice", item, "it takes one value")
                else:
                    setattr(target, field.name, value)
            except UnicodeDecodeError:
                raise
            except (ValueError, TypeError):
                self.wrong(field, scalar, item)

    def is_listable(self, field: Any, repeated: bool, item: Field) -> bool:
        """Whether a list of scalars may stand here; only lists of blocks go without a colon."""
        text = self.tree.source.text
        if not repeated:
            self.fail(f"{field.name!r} takes one value, not a list", item)
        elif ":" not in text[item.start : text.index("[", item.start)]:
            what = f"a ':' is missing between {field.name!r} and its list"
            self.fail(what, item, f"write {field.name}: [...]")
        else:
            return True
        return False

    def messages(self, target: Any, field: Any, repeated: bool, item: Field) -> None:
        """``name: [{ ... }, { ... }]``; anything else is no message."""
        if not item.is_list:
            hint = f"write {field.name} {{ ... }}"
            self.fail(f"{field.name!r} is a block of fields, not one value", item, hint)
        elif not repeated and len(item.values) != 1:
            self.fail(f"{field.name!r} takes one block, not a list", item)
        else:
            for value in item.values:
                if isinstance(value, Block):
                    self.block(target, field, repeated, value)
                else:
                    self.fail(f"{field.name!r} takes blocks of fields", value)

    def block(self, target: Any, field: Any, repeated: bool, block: Block) -> None:
        if field.message_type is None:
            self.fail(f"{field.name!r} takes {_wanted(field)}, not a block of fields", block)
            return
        if repeated:
            self.complete(getattr(target, field.name).add(), block, field.name)
            return
        if target.HasField(field.name):
            self.fail(f"{field.name!r} is given twice", block, "put its fields into one block")
            return
        inner = getattr(target, field.name)
        inner.SetInParent()
        self.complete(inner, block, field.name)

    def complete(self, target: Any, block: Block, name: str) -> None:
        """The fields of a block, of which none that is required may be missing."""
        self.items(target, block.items)
        for missing in _required(target.DESCRIPTOR):
            if not target.HasField(missing):
                stated = any(item.name == missing for item in block.items)
                if not stated:  # else it is wrong, and told as such
                    hint = f"Caffe reads no {name} without it"
                    self.fail(f"{name!r} lacks the required field {missing!r}", block, hint)

    def unknown(self, target: Any, item: Field | Block) -> None:
        descriptor = target.DESCRIPTOR
        hint = did_you_mean(item.name, _fields(descriptor))
        if hint is None and descriptor.name == "LayerParameter":
            hint = plugin_hint(target.type)
        elif hint is None:
            hint = f"no Caffe that protonet knows has it in {descriptor.name}"
        self.fail(f"{descriptor.name} has no field {item.name!r}", item, hint)

    def wrong(self, field: Any, scalar: Scalar, item: Field) -> None:
        raw = " ".join(scalar.parts)
        given = raw if len(raw) <= 60 else f"{raw[:60]}..."
        hint = None
        if field.enum_type is not None:
            names = [value.name for value in field.enum_type.values]
            hint = did_you_mean(raw, names) or f"it is one of {', '.join(names[:20])}"
        node = scalar if item.is_list else item
        self.fail(f"{field.name!r} takes {_wanted(field)}, not {given}", node, hint)

    def fail(self, what: str, node: Field | Block | Scalar, hint: str | None = None) -> None:
        self.errors.append(NetError(what, self.tree.span(node), hint))


def _wanted(field: Any) -> str:
    if field.enum_type is not None:
        return f"a value of {field.enum_type.name}"
    if field.message_type is not None:
        return "a block of fields"
    kind = _KINDS[field.type]
    if field.type in (Kind.TYPE_INT32, Kind.TYPE_UINT32):
        return f"{kind}, of at most {2**32 - 1 if field.type in _UNSIGNED else 2**31 - 1}"
    return kind


@lru_cache(maxsize=65536)
def _value(field: Any, parts: tuple[str, ...], encoding: str) -> Any:
    """The Python value of a scalar. ValueError where it is none of its kind."""
    kind = field.type
    quoted = parts[0][0] in "\"'"
    if kind in (Kind.TYPE_STRING, Kind.TYPE_BYTES):
        if not quoted:
            raise ValueError
        data = b"".join(_unescaped(part[1:-1].encode(encoding)) for part in parts)
        return data.decode(encoding) if kind == Kind.TYPE_STRING else data
    if quoted:
        raise ValueError
    return _number_or_word(field, parts[0])


def _number_or_word(field: Any, text: str) -> Any:
    """The value of a scalar without quotes. ValueError as above."""
    kind = field.type
    if kind in _SIGNED or kind in _UNSIGNED:
        if _USUAL_WHOLE.fullmatch(text):
            return int(text)
    elif kind in (Kind.TYPE_FLOAT, Kind.TYPE_DOUBLE):
        if _USUAL.fullmatch(text):
            return float(text)
    elif kind == Kind.TYPE_BOOL:
        if text in _USUAL_BOOL:
            return _USUAL_BOOL[text]
    elif (named := field.enum_type.values_by_name.get(text)) is not None:
        return named.number
    from google.protobuf import text_format  # which takes long to import, and few values need it

    try:
        return _by_protobuf(text_format, field, text)
    except text_format.ParseError as error:
        raise ValueError(str(error)) from None


def _by_protobuf(text_format: Any, field: Any, text: str) -> Any:
    """A number or word in a form that few files have, as protobuf's own reader takes it."""
    kind = field.type
    if not _PLAIN.fullmatch(text):
        raise ValueError
    if kind in _SIGNED:
        return text_format.ParseInteger(text, is_signed=True, is_long=_SIGNED[kind])
    if kind in _UNSIGNED:
        return text_format.ParseInteger(text, is_signed=False, is_long=_UNSIGNED[kind])
    if kind in (Kind.TYPE_FLOAT, Kind.TYPE_DOUBLE):
        # Runtimes before 5 know the suffix only as f.
        return text_format.ParseFloat(f"{text[:-1]}f" if text[-1] == "F" else text)
    if _OCTAL.fullmatch(text):
        text = str(int(text, 8))
    if kind == Kind.TYPE_BOOL:
        return text_format.ParseBool(text)
    if text.lstrip("-").isdigit():
        text_format.ParseInteger(text, is_signed=True, is_long=False)
    return text_format.ParseEnum(field, text)


def _unescaped(data: bytes) -> bytes:
    """The bytes of a string. ValueError where an escape is none, as to protobuf's C++ reader.

    In one pass, where the runtime's own CUnescape takes the square of a run of backslashes.
    """
    return _ESCAPE.sub(_escape, data) if b"\\" in data else data


def _escape(found: re.Match[bytes]) -> bytes:
    """One escape: a letter's, or the number of a byte or of a character."""
    word: bytes = found[1]
    if len(word) == 1 and word[0] in _ESCAPES:
        return bytes((_ESCAPES[word[0]],))
    if word[:1] in _RADIX and len(word) > 1:
        number = int(word[1:], 16)
        return bytes((number,)) if word[:1] == b"x" else chr(number).encode()
    if not (word.isdigit() and word < b"8"):
        raise ValueError("no escape, or one without its number")
    return bytes((int(word, 8),))
