"""The strings of a binary message whose bytes are of another encoding than UTF-8.

A message of ours has them as a text has: each byte is a character, of Latin-1, and all strings
of the file are read so, or none. Written again they are the bytes that they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Kind

from protonet.schema.pool import Message, message_class
from protonet.schema.wire import BYTES, fields, header

UTF_8, LATIN_1 = "utf-8", "latin-1"


def parsed(name: str, data: bytes) -> tuple[Message, str]:
    """The message of that name which is in the bytes, and what its strings were read as."""
    made = message_class(name)
    message, encoding = made.FromString(data), _encoding(made.DESCRIPTOR, data)
    if encoding == LATIN_1:
        changed = _changed(made.DESCRIPTOR, data, lambda string: string.decode(LATIN_1).encode())
        message = made.FromString(changed)
    return message, encoding


def serialized(message: Message, encoding: str) -> bytes:
    """The bytes of a message whose strings were read in that way."""
    data: bytes = message.SerializeToString(deterministic=True)
    if encoding == UTF_8:
        return data
    return _changed(message.DESCRIPTOR, data, lambda string: string.decode().encode(encoding))


def _encoding(descriptor: Any, data: bytes) -> str:
    """UTF-8, or Latin-1 where a string is none."""
    try:
        _changed(descriptor, data, lambda string: string.decode().encode())
    except UnicodeDecodeError:
        return LATIN_1
    return UTF_8


def _changed(descriptor: Any, data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    parts, begin = bytearray(), 0
    for found in fields(data):
        known = descriptor.fields_by_number.get(found.number)
        content = data[found.start : found.stop]
        if known is None or found.kind != BYTES:
            parts += data[begin : found.stop]
        elif known.message_type is not None or known.type == Kind.TYPE_STRING:
            inner = known.message_type
            content = _changed(inner, content, change) if inner else change(content)
            parts += header(found.number, len(content)) + content
        else:
            parts += data[begin : found.stop]
        begin = found.stop
    return bytes(parts)
