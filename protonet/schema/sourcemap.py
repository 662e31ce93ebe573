"""Where in the text each field of a message stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protonet.diagnostics import Span
from protonet.text.tree import Block, Field, Scalar, Tree

Path = tuple[str | int, ...]
TreePlace = Field | Block | Scalar


class SourceMap:
    """Spans by message path: field names, with an index after each repeated field.

    Nothing is stored for a field until somebody asks; ``moves`` says under which path of the
    text a message stood before an upgrade or a selection renumbered it.
    """

    def __init__(self, tree: Tree | None, moves: Mapping[Path, Path] | None = None) -> None:
        self.tree = tree
        self.moves = dict(moves or {})
        self._roots: dict[str, list[TreePlace]] = {}

    def span(self, path: Path) -> Span | None:
        """The place of a field, or of the nearest message around it; None without a text."""
        if self.tree is None:
            return None
        node = self._walk(self._original(path))[0]
        if node is None:
            return Span(self.tree.source, *self._first())
        return self.tree.span(node)

    def stated(self, path: Path) -> bool:
        """Whether the text itself has the field."""
        return self.tree is not None and self._walk(self._original(path))[1]

    def moved(self, moves: Mapping[Path, Path]) -> SourceMap:
        """The map of a message whose parts stand elsewhere: {new prefix: old prefix}."""
        return SourceMap(self.tree, {new: self._original(old) for new, old in moves.items()})

    def _original(self, path: Path) -> Path:
        for length in range(len(path), 0, -1):
            if path[:length] in self.moves:
                return self.moves[path[:length]] + path[length:]
        return path

    def _first(self) -> tuple[int, int]:
        assert self.tree is not None
        items = self.tree.items
        return (items[0].start, items[0].start + 1) if items else (0, 0)

    def _walk(self, path: Path) -> tuple[TreePlace | None, bool]:
        """The node that a path reaches, and whether it reaches all the way."""
        assert self.tree is not None
        items, node, at = self.tree.items, None, 0
        while at < len(path):
            name = str(path[at])
            index = path[at + 1] if at + 1 < len(path) and isinstance(path[at + 1], int) else 0
            found = _nth(items, name, int(index)) if at else self._root(name, int(index))
            if found is None:
                return node, False
            node = found
            at += 2 if at + 1 < len(path) and isinstance(path[at + 1], int) else 1
            items = node.items if isinstance(node, Block) else []
        return node, node is not None

    def _root(self, name: str, index: int) -> TreePlace | None:
        """A node at the top of the text, where a net may have thousands of layers."""
        assert self.tree is not None
        if not self._roots:
            for item in self.tree.items:
                self._roots.setdefault(item.name, []).extend(_places(item))
        found = self._roots.get(name, [])
        return found[index] if index < len(found) else None


def _places(item: Field | Block) -> Sequence[TreePlace]:
    return item.values if isinstance(item, Field) and item.is_list else (item,)


def _nth(items: list[Field | Block], name: str, index: int) -> TreePlace | None:
    for item in items:
        if item.name != name:
            continue
        values = _places(item)
        if index < len(values):
            return values[index]
        index -= len(values)
    return None
