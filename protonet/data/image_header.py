"""How large an image says that it is, read from its first bytes before anything is decoded.

A decoder takes memory for the size that a file claims. Sources: the formats' own documents, for
the kinds that OpenCV decodes.
"""

from __future__ import annotations

import re
from struct import error as struct_error
from struct import unpack_from

_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_STANDALONE = {0x01, *range(0xD0, 0xDA)}
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_HEAD = 4096
_WORD = re.compile(rb"(?:\s|#[^\n]*\n)*([^\s#]+)")


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """The height and width that an encoded image states; None where nothing is found.

    Of a file that is cut off too early there is nothing to find, and a decoder finds none either.
    """
    try:
        return next((read(data) for mark, read in _KINDS if re.match(mark, data, re.DOTALL)), None)
    except (IndexError, ValueError, OverflowError, struct_error):
        return None


def longest_claim(data: bytes) -> int:
    """How many bytes more than there are a chunk of a PNG claims; a decoder takes memory for it."""
    at, end = 8, len(data)
    while data.startswith(b"\x89PNG") and at + 4 <= end:
        at += unpack_from(">I", data, at)[0] + 12
    return max(0, at - end)


def _png(data: bytes) -> tuple[int, int]:
    width, height = unpack_from(">II", data, 16)
    return height, width


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """From the first start of a frame, past the segments before it."""
    at = 2
    while at < len(data):
        at = data.index(b"\xff", at)
        while data[at] == 0xFF:
            at += 1
        marker, at = data[at], at + 1
        if marker in _START_OF_FRAME:
            height, width = unpack_from(">HH", data, at + 3)
            return height, width
        if marker not in _STANDALONE and marker:
            at += max(2, unpack_from(">H", data, at)[0])
    return None


def _bmp(data: bytes) -> tuple[int, int]:
    if unpack_from("<I", data, 14)[0] == 12:
        width, height = unpack_from("<HH", data, 18)
    else:
        width, height = unpack_from("<ii", data, 18)
    return abs(height), abs(width)


def _gif(data: bytes) -> tuple[int, int]:
    width, height = unpack_from("<HH", data, 6)
    return height, width


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    if kind == b"VP8L":
        (bits,) = unpack_from("<I", data, 21)
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return height + 1, width + 1
    return None


def _netpbm(data: bytes) -> tuple[int, int]:
    """P1 to P6, and the little-endian or big-endian floats of PF."""
    _, width, height = (int(m[1]) if m[1].isdigit() else 0 for m in _words(data, 3))
    return height, width


def _pam(data: bytes) -> tuple[int, int]:
    head = data[:_HEAD]
    found = {m[1]: int(m[2]) for m in re.finditer(rb"(WIDTH|HEIGHT)\s+(\d{1,18})", head)}
    return found.get(b"HEIGHT", 0), found.get(b"WIDTH", 0)


def _words(data: bytes, count: int) -> list[re.Match[bytes]]:
    at, found = 0, []
    for _ in range(count):
        match = _WORD.match(data[:_HEAD], at)
        if match is None or len(match[1]) > 18:
            raise ValueError
        found.append(match)
        at = match.end()
    return found


def _tiff(data: bytes) -> tuple[int, int]:
    """From the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = unpack_from(order + "I", data, 4)
    (count,) = unpack_from(order + "H", data, at)
    found = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = unpack_from(order + "HH", data, entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            (found[tag],) = unpack_from(order + ("H" if kind == 3 else "I"), data, entry + 8)
    return found.get(_TIFF_HEIGHT, 0), found.get(_TIFF_WIDTH, 0)


def _boxes(data: bytes) -> tuple[int, int] | None:
    """JPEG 2000's and AVIF's boxes, of which one states the size."""
    for name, order in ((b"ihdr", (0, 4)), (b"ispe", (8, 4))):
        at = data[: 16 * _HEAD].find(name)
        if at >= 0:
            height, width = (unpack_from(">I", data, at + 4 + skip)[0] for skip in order)
            return height, width
    return None


def _codestream(data: bytes) -> tuple[int, int]:
    width, height = unpack_from(">II", data, 8)
    return height, width


def _raster(data: bytes) -> tuple[int, int]:
    width, height = unpack_from(">II", data, 4)
    return height, width


def _radiance(data: bytes) -> tuple[int, int] | None:
    found = re.search(rb"\n[-+]Y (\d{1,9}) [-+]X (\d{1,9})\n", data[: 16 * _HEAD])
    return (int(found[1]), int(found[2])) if found else None


_KINDS = (
    (rb"\x89PNG", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"BM", _bmp),
    (rb"GIF8", _gif),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"P7", _pam),
    (rb"P[1-6FfH]", _netpbm),
    (rb"II\*\0|MM\0\*", _tiff),
    (rb"\0\0\0.(jP  |ftyp)", _boxes),
    (rb"\xff\x4f\xff\x51", _codestream),
    (rb"\x59\xa6\x6a\x95", _raster),
    (rb"#\?(RADIANCE|RGBE)", _radiance),
)
