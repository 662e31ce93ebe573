"""The comments of a text, and what of a message made from it each of them speaks of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from protonet.schema.pool import is_repeated
from protonet.schema.sourcemap import Path, SourceMap, TreePlace
from protonet.schema.unbind import Note
from protonet.text.tree import Block, Field, Tree


class _Comment(NamedTuple):
    """A comment, and the item that it stands above, beside, at the closing of, or below.

    ``around`` are the blocks that the item stands in, the innermost first; the item is None at the
    head and the foot of a text.
    """

    text: str
    place: str
    item: Field | Block | None
    around: tuple[Block, ...]


def notes(message: Any, sourcemap: SourceMap) -> dict[Path, Note]:
    """The comments of the text that a message was made from, by the path of what they speak of.

    One on a field that is no more goes to what is nearest of what is kept: a part of it, the next
    field, the one before, the block around.
    """
    tree = sourcemap.tree
    found: dict[Path, Note] = {}
    if tree is None or not tree.comments:
        return found
    kept = _kept(message, sourcemap)
    for comment in _comments(tree):
        path, place = _home(comment, tree, kept)
        getattr(found.setdefault(path, Note()), place).append(comment.text)
    return found


def _kept(message: Any, sourcemap: SourceMap) -> dict[int, Path]:
    """The first path of the message at which each part of the tree stands."""
    kept: dict[int, Path] = {}
    for path in _paths(message):
        node = sourcemap.node(path)
        if node is not None:
            kept.setdefault(id(node), path)
    return kept


def _paths(message: Any, before: Path = ()) -> Iterator[Path]:
    """The path of every field that is stated, a message's before those in it."""
    for field, value in message.ListFields():
        repeated = is_repeated(field)
        for index, one in enumerate(value if repeated else (value,)):
            path = (*before, field.name, index) if repeated else (*before, field.name)
            yield path
            if field.message_type is not None:
                yield from _paths(one, path)


def _home(comment: _Comment, tree: Tree, kept: Mapping[int, Path]) -> tuple[Path, str]:
    """The path and the place of a comment."""
    if comment.item is None:
        return (), comment.place
    place = comment.place
    within = [block.items for block in comment.around] + [tree.items]
    for item, siblings in zip((comment.item, *comment.around), within, strict=True):
        own = _own(item, kept)
        if own is not None:
            return own, place
        at = next(i for i, other in enumerate(siblings) if other is item)
        for near, where in ((siblings[at:], "above"), (siblings[:at][::-1], "below")):
            path = next((path for one in near if (path := _inner(one, kept))), None)
            if path is not None:
                return path, where
        place = "above"
    return (), "above"


def _own(item: Field | Block, kept: Mapping[int, Path]) -> Path | None:
    """Where an item itself is kept; of a list, where its first value is that is kept."""
    places: list[TreePlace] = [item]
    places += item.values if isinstance(item, Field) else []
    return next((kept[id(place)] for place in places if id(place) in kept), None)


def _inner(item: Field | Block, kept: Mapping[int, Path]) -> Path | None:
    """Where an item is kept, or the first of its parts that is."""
    own = _own(item, kept)
    if own is not None or isinstance(item, Field):
        return own
    return next((path for part in item.items if (path := _inner(part, kept))), None)


def _comments(tree: Tree) -> Iterator[_Comment]:
    """Every comment of a tree with what it stands at."""
    texts = [(*place, tree.source.text[slice(*place)].rstrip()) for place in tree.comments]
    yield from _Walk(tree.source.text, texts).items(tree.items, len(tree.source.text), ())


class _Walk:
    """A walk over items and comments together, in the order of the text."""

    def __init__(self, text: str, comments: list[tuple[int, int, str]]) -> None:
        self.text, self.left = text, comments[::-1]

    def items(
        self, items: list[Field | Block], end: int, around: tuple[Block, ...]
    ) -> Iterator[_Comment]:
        last: Field | Block | None = None
        for item in items:
            for text in self.before(item.start):
                at_head = last is None and not around
                yield _Comment(text, "above", None if at_head else item, around)
            yield from self.item(item, around)
            last = item
        for text in self.before(end):
            if last is None and around:  # an empty block
                yield _Comment(text, "beside", around[0], around[1:])
            else:
                yield _Comment(text, "below", last if around else None, around)

    def item(self, item: Field | Block, around: tuple[Block, ...]) -> Iterator[_Comment]:
        if isinstance(item, Block):
            for text in self.beside(item.header):
                yield _Comment(text, "beside", item, around)
            yield from self.items(item.items, item.end - 1, (item, *around))
        else:
            for text in self.before(item.end):  # within a list
                yield _Comment(text, "above", item, around)
        for text in self.beside(item.end):
            yield _Comment(text, "closing" if isinstance(item, Block) else "beside", item, around)

    def before(self, end: int) -> Iterator[str]:
        while self.left and self.left[-1][0] < end:
            yield self.left.pop()[2]

    def beside(self, end: int) -> Iterator[str]:
        """The comment that stands behind an end on its line."""
        if self.left and self.left[-1][0] >= end:
            between = self.text[end : self.left[-1][0]]
            if "\n" not in between and not between.strip(" \t;,"):
                yield self.left.pop()[2]
