"""What the errors of a text leave in doubt: the parts that they stand in, and their blobs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protonet.diagnostics import NetError, Span
from protonet.schema.sourcemap import SourceMap
from protonet.text.tree import Block, Field, Scalar

# Fields at the top of a text whose errors say nothing of the net's inputs.
_APART = ("layer", "layers", "name", "state", "debug_info", "force_backward")
_OF_LAYERS = {"type", "bottom", "top"}


@dataclass(frozen=True)
class Doubt:
    """The parts at the top of a text that have an error in them, and what hangs on those.

    ``blobs`` may be made there; ``inputs`` says that the net's own inputs are not known.
    """

    parts: tuple[tuple[int, int], ...] = ()
    blobs: frozenset[str] = frozenset()
    inputs: bool = False

    def __bool__(self) -> bool:
        return bool(self.parts)

    def covers(self, span: Span | None) -> bool:
        """Whether a place is in one of the parts."""
        if span is None:
            return False
        index = bisect_right(self.parts, (span.start, span.end)) - 1
        nearest = (index, index + 1)  # one that begins there may end before the span does
        near = (self.parts[i] for i in nearest if 0 <= i < len(self.parts))
        return any(start <= span.start < end for start, end in near)


def doubt(places: SourceMap, errors: Sequence[NetError]) -> Doubt:
    """What is in doubt while a text has such errors; nothing where there is no text."""
    tree = places.tree
    if tree is None or not tree.items:
        return Doubt()
    starts = [item.start for item in tree.items]
    wrong = {error.span.start for error in errors if error.span}
    found = {max(0, bisect_right(starts, start) - 1) for start in wrong}
    inputs = any(_tells_inputs(tree.items[index]) for index in found)
    if inputs:
        wrong |= {item.start for item in tree.items if item.name == "input"}
        found |= {i for i, item in enumerate(tree.items) if item.name == "input"}
    items = [tree.items[index] for index in sorted(found)]
    parts = tuple((item.start, item.end) for item in items)
    return Doubt(parts, frozenset(name for item in items for name in _blobs(item, wrong)), inputs)


def _tells_inputs(item: Field | Block) -> bool:
    """Whether a field at the top may be meant to say what the net's inputs are."""
    is_layer = isinstance(item, Block) and any(part.name in _OF_LAYERS for part in item.items)
    return not is_layer and item.name not in _APART


def _blobs(item: Field | Block, wrong: set[int]) -> Iterator[str]:
    """The tops of a layer, however its name is spelt, and the values of what is wrong in it."""
    parts = item.items if isinstance(item, Block) else [item]
    for part in parts:
        if isinstance(part, Field) and (part.name == "top" or part.start in wrong):
            yield from (_text(value) for value in part.values if isinstance(value, Scalar))


def _text(value: Scalar) -> str:
    return "".join(part[1:-1] if part[0] in "\"'" else part for part in value.parts)
