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
        self._known: dict[int, dict[str, list[TreePlace]]] = {}

    def span(self, path: Path) -> Span | None:
        """The place of a field, or of the nearest message around it; None without a text."""
        if self.tree is None:
            return None
        node = self._walk(self._original(path))[0]
        if node is None:
            return Span(self.tree.source, *self._first())
        return self.tree.span(node)

    def node(self, path: Path) -> TreePlace | None:
        """The part of the text that is a field; None where the text itself has it not."""
        if self.tree is None:
            return None
        node, reached = self._walk(self._original(path))
        return node if reached else None

    def stated(self, path: Path) -> bool:
        """Whether the text itself has the field."""
        return self.tree is not None and self._walk(self._original(path))[1]

    def moved(self, moves: Mapping[Path, Path]) -> SourceMap:
        """The map of a message whose parts stand elsewhere: {new prefix: old prefix}."""
        new = SourceMap(self.tree, {new: self._original(old) for new, old in moves.items()})
        new._known = self._known  # one tree, whose blocks are known to both
        return new

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
        node: TreePlace | None = None
        at = 0
        while at < len(path):
            numbered = at + 1 < len(path) and isinstance(path[at + 1], int)
            found = self._nth(node, str(path[at]), int(path[at + 1]) if numbered else 0)
            if found is None:
                return node, False
            node = found
            at += 2 if numbered else 1
        return node, node is not None

    def _nth(self, node: TreePlace | None, name: str, index: int) -> TreePlace | None:
        """A part of a block, or of the whole text; a net may have thousands of one name."""
        found = self._parts(node).get(name, [])
        return found[index] if index < len(found) else None

    def _parts(self, node: TreePlace | None) -> dict[str, list[TreePlace]]:
        assert self.tree is not None
        if node is not None and not isinstance(node, Block):
            return {}
        parts = self._known.get(id(node))
        if parts is None:
            parts = self._known[id(node)] = {}
            for item in self.tree.items if node is None else node.items:
                parts.setdefault(item.name, []).extend(_places(item))
        return parts


def _places(item: Field | Block) -> Sequence[TreePlace]:
    return item.values if isinstance(item, Field) and item.is_list else (item,)
