"""Blocks that repeat: ResNet's, Inception's and DenseNet's, found by their structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protonet.drawing.box import Box
from protonet.drawing.words import window_words


@dataclass(frozen=True)
class RepeatedBlock:
    """Boxes with one way in, from ``entry``, and one way out, the last of them.

    ``extra`` is a projection beside them, as the first block of a ResNet's stage has it.
    """

    entry: Box
    boxes: tuple[Box, ...]
    extra: tuple[Box, ...]
    form: int

    @property
    def exit(self) -> Box:
        """The box where the branches join."""
        return self.boxes[-1]

    def __len__(self) -> int:
        return len(self.boxes) + len(self.extra)


@dataclass(frozen=True)
class BlockRun:
    """Blocks of one structure and one image size, each on top of the one before."""

    blocks: tuple[RepeatedBlock, ...]

    @property
    def template(self) -> RepeatedBlock:
        """The block that stands for all: the first without a projection."""
        plain = (block for block in self.blocks if not block.extra)
        return next(plain, self.blocks[0])

    def boxes(self) -> Iterator[Box]:
        """Every box of every block."""
        for block in self.blocks:
            yield from block.boxes
            yield from block.extra


def runs(boxes: Sequence[Box]) -> list[BlockRun]:
    """The runs of at least two blocks, the larger first where two overlap."""
    net = _Net(boxes)
    starting: dict[Box, list[RepeatedBlock]] = {}
    blocks = [block for box in boxes for block in net.block(box)]
    for block in blocks:
        starting.setdefault(block.entry, []).append(block)
    after = {block: _following(block, starting, net.below[block.exit]) for block in blocks}
    inside = {following for following in after.values() if following}
    found = [_chain(block, after) for block in blocks if block not in inside]
    found = [run for run in found if len(run.blocks) > 1]
    taken: set[Box] = set()
    kept = []
    for run in sorted(found, key=lambda run: -sum(map(len, run.blocks))):
        own = set(run.boxes())
        if not own & taken:
            taken |= own
            kept.append(run)
    return sorted(kept, key=lambda run: run.blocks[0].exit.index)


def _following(
    block: RepeatedBlock, starting: dict[Box, list[RepeatedBlock]], readers: list[Box]
) -> RepeatedBlock | None:
    """The block of the same form that alone reads this one."""
    for other in starting.get(block.exit, ()):
        alike = other.form == block.form and _image(other) == _image(block)
        if alike and set(readers) <= {*other.boxes, *other.extra}:
            return other
    return None


def _image(block: RepeatedBlock) -> tuple[int, ...]:
    return block.exit.outlets[0].shape[2:]


def _chain(block: RepeatedBlock, after: dict[RepeatedBlock, RepeatedBlock | None]) -> BlockRun:
    chain: list[RepeatedBlock] = []
    current: RepeatedBlock | None = block
    while current is not None:
        chain.append(current)
        current = after[current]
    return BlockRun(tuple(chain))


class _Net:
    """Who reads whom, and through which box every way to a box leads (its dominator)."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self.above = {box: list(dict.fromkeys(b for b, _ in box.sources)) for box in boxes}
        self.below: dict[Box, list[Box]] = {box: [] for box in boxes}
        for box, sources in self.above.items():
            for source in sources:
                self.below[source].append(box)
        self.depth: dict[Box | None, int] = {None: 0}
        self.dominator: dict[Box, Box | None] = {}
        for box in boxes:
            self.dominator[box] = self.meet(self.above[box])
            self.depth[box] = self.depth[self.dominator[box]] + 1

    def meet(self, sources: list[Box]) -> Box | None:
        """The lowest box that dominates all of these. Cooper, Harvey and Kennedy 2001."""
        if not sources:
            return None
        current: Box | None = sources[0]
        for source in sources[1:]:
            other: Box | None = source
            while current is not other:
                if self.depth[current] >= self.depth[other]:
                    current = self.dominator[current] if current else None
                else:
                    other = self.dominator[other] if other else None
        return current

    def block(self, join: Box) -> Iterator[RepeatedBlock]:
        """The block that a join ends, where it is closed: nothing inside is read outside."""
        entry = self.dominator[join]
        if len(self.above[join]) < 2 or entry is None:
            return
        inner = self.between(entry, join)
        closed = all(reader in inner or reader is join for b in inner for reader in self.below[b])
        if not closed or any(box.shared or len(box.outlets) != 1 for box in (*inner, join)):
            return
        ordered = sorted(inner, key=lambda box: box.index)
        extra = self.projection(entry, join)
        boxes = (*(box for box in ordered if box not in extra), join)
        yield RepeatedBlock(entry, boxes, extra, self.form(entry, boxes, extra))

    def between(self, entry: Box, join: Box) -> set[Box]:
        """The boxes on the ways from one to the other."""
        found: set[Box] = set()
        waiting = list(self.above[join])
        while waiting:
            box = waiting.pop()
            if box is not entry and box not in found:
                found.add(box)
                waiting.extend(self.above[box])
        return found

    def projection(self, entry: Box, join: Box) -> tuple[Box, ...]:
        """The lone 1 by 1 convolution or pooling that stands where others have a plain shortcut."""
        if join.head.type != "Eltwise" or entry in self.above[join]:
            return ()
        return tuple(
            box
            for box in self.above[join]
            if self.above[box] == [entry]
            and self.below[box] == [join]
            and (box.kind == "pooling" or window_words(box.head)[:1] == ["1×1"])
        )[:1]

    def form(self, entry: Box, boxes: Sequence[Box], extra: tuple[Box, ...]) -> int:
        """A hash of the structure: kinds, windows and ways, whatever the order and the widths."""
        forms: dict[Box, int] = {entry: 0, **dict.fromkeys(extra, 0)}
        for box in boxes:
            types = tuple(node.type for node in box.nodes)
            window = tuple(word for word in window_words(box.head) if not word.startswith("/"))
            forms[box] = hash((types, window, tuple(sorted(forms[b] for b in self.above[box]))))
        return hash((forms[boxes[-1]], len(boxes)))
