"""The tree of a text: fields, lists and blocks with their places; comments beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protonet.diagnostics import Source, Span


class Scalar:
    """One value as it stands in the text; strings that stand side by side are ``parts``."""

    __slots__ = ("end", "parts", "start")

    def __init__(self, parts: tuple[str, ...], start: int, end: int) -> None:
        self.parts, self.start, self.end = parts, start, end

    @property
    def is_string(self) -> bool:
        """Whether the value stands in quotes."""
        return self.parts[0][0] in "\"'"


class Field:
    """``name: value`` or ``name: [value, ...]``."""

    __slots__ = ("end", "is_list", "name", "start", "values")

    def __init__(
        self, name: str, values: Sequence[Scalar | Block], is_list: bool, start: int, end: int
    ) -> None:
        self.name, self.values, self.is_list = name, values, is_list
        self.start, self.end = start, end


class Block:
    """``name { ... }``; ``header`` is the offset just behind the brace, ``name`` "" in a list."""

    __slots__ = ("end", "header", "items", "name", "start")

    def __init__(
        self, name: str, items: list[Field | Block], start: int, header: int, end: int
    ) -> None:
        self.name, self.items, self.start, self.header, self.end = name, items, start, header, end


@dataclass
class Tree:
    """A parsed text: its top-level items, and its comments as (start, end)."""

    source: Source
    items: list[Field | Block]
    comments: list[tuple[int, int]] = field(default_factory=list)

    def span(self, node: Scalar | Field | Block) -> Span:
        """The characters of a node; of a block, its header."""
        end = node.header if isinstance(node, Block) else node.end
        return Span(self.source, node.start, end)
