"""What a text is that was given as a net or a solver and is neither."""

from __future__ import annotations

import re

from protonet.diagnostics import NetError, Source, Span
from protonet.schema.sniff import foreign
from protonet.text.parse import parse
from protonet.text.tree import Block, Tree

_FILE = r"[^\s{}:\"']+\.(?:jpe?g|png|bmp|gif|tiff?|ppm|webp|xml|txt|json|h5|hdf5|mp4|avi)"
_ENTRY = re.compile(rf"\s*{_FILE}(?:[ \t]+\S.*)?\s*", re.IGNORECASE)
_LIST = "a data layer's `source` names such a list; give the net that has that layer"
_MAP = "a detection layer's `label_map_file` names it; give the net that has that layer"


class OtherKind(NetError):
    """A file of those that stand beside definitions, given as one."""


def parsed(source: Source) -> Tree:
    """The tree of a net's or a solver's text. NetError that tells another kind of file as such."""
    try:
        tree = parse(source)
    except NetError as error:
        raise _told(source) or error from None
    if tree.items and all(item.name == "item" and isinstance(item, Block) for item in tree.items):
        what = "this file is a label map, not a net"
        raise OtherKind(what, tree.span(tree.items[0]), _MAP)
    return tree


def _told(source: Source) -> NetError | None:
    """What a text that can't be parsed is, where its beginning shows it."""
    first = source.text.lstrip("\ufeff \t\r\n").partition("\n")[0][:1000]
    start = source.text.find(first)
    where = Span(source, start, start + max(1, len(first.rstrip())))
    name, hint = foreign(source.text[:1000].encode("utf-8", "replace")) or ("a text", None)
    if name != "a text":
        return NetError(f"this file is {name}, not a net", where, hint)
    if first and _ENTRY.fullmatch(first):
        return OtherKind("this file is a list of files, not a net", where, _LIST)
    return None
