"""The strings of a binary message whose bytes are of another encoding than UTF-8.

A message of ours has them as a text has: each byte is a character, of Latin-1, and all strings
of the file are read so, or none. Written again they are the bytes that they were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Kind

from protonet.schema.wire import BYTES, fields, header

UTF_8, LATIN_1 = "utf-8", "latin-1"


def encoding_of(descriptor: Any, data: bytes) -> str:
    """What the strings of a message are to be read as: UTF-8, or Latin-1 where one is none."""
    try:
        _changed(descriptor, data, lambda string: string.decode().encode())
    except UnicodeDecodeError:
        return LATIN_1
    return UTF_8


def as_characters(descriptor: Any, data: bytes) -> bytes:
    """A message whose strings are UTF-8, of one in which they are bytes."""
    return _changed(descriptor, data, lambda string: string.decode(LATIN_1).encode())


def as_bytes(descriptor: Any, data: bytes) -> bytes:
    """The reverse of ``as_characters``."""
    return _changed(descriptor, data, lambda string: string.decode().encode(LATIN_1))


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
