"""What a file is, told by its first bytes, whatever its name says."""

from __future__ import annotations

import re

_KINDS = (
    ("hdf5", rb"\x89HDF\r\n\x1a\n"),
    ("npy", rb"\x93NUMPY"),
    ("zip", rb"PK\x03\x04"),
    ("pickle", rb"\x80[\x02-\x05]|\x19\x50\xa8\x6a"),
    ("safetensors", rb".{5}\0\0\0\{"),
)
_AGAIN = "the download gave a page in its place: fetch it again"
_WRONG = (
    (rb"version https://git-lfs", "a Git LFS pointer", "`git lfs pull` fetches the file itself"),
    (rb"(?i)\s*(<!--.*?-->\s*)?(<!doctype html|<html|<head)", "an HTML page", _AGAIN),
    (rb"\s*<\?xml", "an XML text", _AGAIN),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", "a compressed archive", "unpack it first"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|%PDF", "an image or a document", None),
)
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]+")


def kind_of(head: bytes) -> str:
    """The kind of a file: hdf5, npy, zip, pickle, safetensors; else text or protobuf.

    A zip is what torch.save and numpy.savez write, a pickle what torch.save wrote once.
    """
    for kind, pattern in _KINDS:
        if re.match(pattern, head, re.DOTALL):
            return kind
    return "text" if head and _TEXT.fullmatch(head) else "protobuf"


def foreign(head: bytes) -> tuple[str, str | None] | None:
    """What a file is that holds no numbers at all, and a hint; None where it may hold some."""
    for pattern, name, hint in _WRONG:
        if re.match(pattern, head, re.DOTALL):
            return name, hint
    if not head:
        return "an empty file", None
    if kind_of(head) == "text":
        return "a text", "a .prototxt defines a net; the weights are in a file of their own"
    return None
