"""From a message back to text."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format


def to_text(message: Any) -> str:
    """The message as prototxt, fields in the schema's order; binding it gives the message again."""
    return str(text_format.MessageToString(message, as_utf8=True))
