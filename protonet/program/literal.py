"""How values print: numbers as short as single precision allows, strings in double quotes."""

from __future__ import annotations

import struct


def single(x: float) -> float:
    """The shortest decimal that is the same number in single precision."""
    for digits in range(6, 10):
        short = float(f"{x:.{digits}g}")
        if to_single(short) == to_single(x):
            return short
    return float(x)


def to_single(x: float) -> float:
    """The nearest number of single precision; one beyond its range is kept."""
    try:
        return float(struct.unpack("f", struct.pack("f", x))[0])
    except OverflowError:
        return x


def quoted(value: str) -> str:
    """A string literal in double quotes, unless those would need more escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    body = (c if c in "'\"" else repr(c)[1:-1] for c in value)
    return quote + "".join(f"\\{c}" if c == quote else c for c in body) + quote


def number(value: float) -> float:
    """A whole number as one, else the shortest decimal of single precision."""
    short = single(value)
    return int(short) if short.is_integer() else short
