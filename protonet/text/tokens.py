"""From characters to tokens: the words of protobuf's text format, as expressions."""

from __future__ import annotations

import re

from protonet.diagnostics import Source

_NAME = r"[A-Za-z_]\w*"
_QUOTED = r'"(?:[^"\\\n]|\\.)*"' + "|" + r"'(?:[^'\\\n]|\\.)*'"
_WORD = r"[-+]?[\w.][\w.+-]*"
_BLANK = r"[ \t\r\n]*"
# Tokens are coarse, for speed: FIELDS is a whole run of `name: scalar`, LEAF a whole block of
# nothing else; most of a file is made of these two. What stands first is tried first. (?a: letters
# and blanks are ASCII's alone, as in protobuf.
_KINDS = {
    "LEAF": rf"(?a:{_NAME}(?:\s*:)?\s*\{{\s*"
    rf"(?:{_NAME}\s*:\s*(?:{_QUOTED}|{_WORD}(?=[\s}}]))\s*)+\}}{_BLANK})",
    "FIELDS": rf"(?a:(?:{_NAME}\s*:\s*(?:{_QUOTED}|{_WORD}(?=[\s;,#}}>]|$)){_BLANK})+)",
    "OPEN": rf"(?a:{_NAME}(?:\s*:)?\s*[{{<]{_BLANK})",
    "NAME": rf"(?a:{_NAME}\s*:)",
    "STRING": _QUOTED,
    "MINUS": r"(?a:-(?=\s))",
    "BARE": r"(?a:[\w.+-]+)",
    "BRACE": r"[{<]",
    "CLOSE": rf"[}}>]{_BLANK}",
    "BEGIN": r"\[",
    "END": r"\]",
    "SEPARATOR": r"[;,]",
    "COMMENT": r"#[^\n]*",
    "SPACE": "[ \t\r\n\f\v\ufeff]+",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))
OVER = "OVER"  # the text is


class OddCharacter(ValueError):
    """No token begins with the character at ``start``."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class Tokens:
    """A text token by token: the ``kind`` of the one at hand, its ``text``, ``start`` and ``end``.

    ``comments`` are the places of those passed by. Raises OddCharacter where no token begins.
    """

    def __init__(self, source: Source) -> None:
        self._source = source.text
        self._match = _TOKEN.match
        self.comments: list[tuple[int, int]] = []
        self.kind, self.text, self.start, self.end = OVER, "", 0, 0
        self.advance()

    def advance(self) -> None:
        """Go to the next token that is no blank and no comment; OVER behind the last."""
        place = self.end
        while found := self._match(self._source, place):
            kind = found.lastgroup or ""
            start, place = found.span()
            if kind == "COMMENT":
                self.comments.append((start, place))
            elif kind != "SPACE":
                self.kind, self.text, self.start, self.end = kind, found.group(), start, place
                return
        if place < len(self._source):
            raise OddCharacter(place)
        self.kind, self.text, self.start, self.end = OVER, "", place, place
