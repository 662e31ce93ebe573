"""Blocks that repeat: ResNet's, Inception's and DenseNet's, found by their structure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protonet.graph.graph import Node
from protonet.graph.group import LayerGroup
from protonet.shape import Shape


@dataclass(frozen=True)
class RepeatedBlock:
    """Groups with one way in, from ``entry``, and one way out, the last of them.

    ``extra`` is a projection beside them, as the first block of a ResNet's stage has it.
    """

    entry: LayerGroup
    groups: tuple[LayerGroup, ...]
    extra: tuple[LayerGroup, ...]
    form: int

    @property
    def exit(self) -> LayerGroup:
        """The group where the branches join."""
        return self.groups[-1]

    def __len__(self) -> int:
        return len(self.groups) + len(self.extra)


@dataclass(frozen=True)
class BlockRun:
    """Blocks of one structure and one image size, each on top of the one before."""

    blocks: tuple[RepeatedBlock, ...]

    @property
    def template(self) -> RepeatedBlock:
        """The block that stands for all: the first without a projection."""
        plain = (block for block in self.blocks if not block.extra)
        return next(plain, self.blocks[0])

    def groups(self) -> Iterator[LayerGroup]:
        """Every group of every block."""
        for block in self.blocks:
            yield from block.groups
            yield from block.extra


def runs(groups: Sequence[LayerGroup]) -> list[BlockRun]:
    """The runs of at least two blocks, the larger first where two overlap."""
    net = _Net(groups)
    starting: dict[LayerGroup, list[RepeatedBlock]] = {}
    blocks = [block for group in groups for block in net.block(group)]
    for block in blocks:
        starting.setdefault(block.entry, []).append(block)
    after = {block: _following(block, starting, net.below[block.exit]) for block in blocks}
    inside = {following for following in after.values() if following}
    found = [_chain(block, after) for block in blocks if block not in inside]
    found = [run for run in found if len(run.blocks) > 1]
    taken: set[LayerGroup] = set()
    kept = []
    for run in sorted(found, key=lambda run: -sum(map(len, run.blocks))):
        own = set(run.groups())
        if not own & taken:
            taken |= own
            kept.append(run)
    return sorted(kept, key=lambda run: run.blocks[0].exit.index)


def _following(
    block: RepeatedBlock, starting: dict[LayerGroup, list[RepeatedBlock]], readers: list[LayerGroup]
) -> RepeatedBlock | None:
    """The block of the same form that alone reads this one."""
    for other in starting.get(block.exit, ()):
        alike = other.form == block.form and _image(other) == _image(block)
        if alike and set(readers) <= {*other.groups, *other.extra}:
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


def _window(node: Node) -> tuple[str, Shape]:
    """How a layer takes its window, and the window, none where it has none."""
    reach = node.layer.reach(tuple(value.shape for value in node.inputs)) if node.inputs else None
    window = () if reach is None else reach.span if reach.window is None else reach.window
    return node.layer.manner(), window


class _Net:
    """Who reads whom, and through which group every way to a group leads (its dominator)."""

    def __init__(self, groups: Sequence[LayerGroup]) -> None:
        self.above = {group: list(dict.fromkeys(b for b, _ in group.sources)) for group in groups}
        self.below: dict[LayerGroup, list[LayerGroup]] = {group: [] for group in groups}
        for group, sources in self.above.items():
            for source in sources:
                self.below[source].append(group)
        self.depth: dict[LayerGroup | None, int] = {None: 0}
        self.dominator: dict[LayerGroup, LayerGroup | None] = {}
        for group in groups:
            self.dominator[group] = self.meet(self.above[group])
            self.depth[group] = self.depth[self.dominator[group]] + 1

    def meet(self, sources: list[LayerGroup]) -> LayerGroup | None:
        """The lowest group that dominates all of these. Cooper, Harvey and Kennedy 2001."""
        if not sources:
            return None
        current: LayerGroup | None = sources[0]
        for source in sources[1:]:
            other: LayerGroup | None = source
            while current is not other:
                if self.depth[current] >= self.depth[other]:
                    current = self.dominator[current] if current else None
                else:
                    other = self.dominator[other] if other else None
        return current

    def block(self, join: LayerGroup) -> Iterator[RepeatedBlock]:
        """The block that a join ends, where it is closed: nothing inside is read outside."""
        entry = self.dominator[join]
        if len(self.above[join]) < 2 or entry is None:
            return
        inner = self.between(entry, join)
        closed = all(reader in inner or reader is join for b in inner for reader in self.below[b])
        if not closed or any(group.shared or len(group.outlets) != 1 for group in (*inner, join)):
            return
        ordered = sorted(inner, key=lambda group: group.index)
        extra = self.projection(entry, join)
        groups = (*(group for group in ordered if group not in extra), join)
        yield RepeatedBlock(entry, groups, extra, self.form(entry, groups, extra))

    def between(self, entry: LayerGroup, join: LayerGroup) -> set[LayerGroup]:
        """The groups on the ways from one to the other."""
        found: set[LayerGroup] = set()
        waiting = list(self.above[join])
        while waiting:
            group = waiting.pop()
            if group is not entry and group not in found:
                found.add(group)
                waiting.extend(self.above[group])
        return found

    def projection(self, entry: LayerGroup, join: LayerGroup) -> tuple[LayerGroup, ...]:
        """The lone 1 by 1 convolution or pooling that stands where others have a plain shortcut."""
        if join.head.type != "Eltwise" or entry in self.above[join]:
            return ()
        return tuple(
            group
            for group in self.above[join]
            if self.above[group] == [entry]
            and self.below[group] == [join]
            and (group.head.layer.kind == "pooling" or set(_window(group.head)[1]) == {1})
        )[:1]

    def form(
        self, entry: LayerGroup, groups: Sequence[LayerGroup], extra: tuple[LayerGroup, ...]
    ) -> int:
        """A hash of the structure: kinds, windows and ways, whatever the order and the widths."""
        forms: dict[LayerGroup, int] = {entry: 0, **dict.fromkeys(extra, 0)}
        for group in groups:
            types = tuple(node.type for node in group.nodes)
            forms[group] = hash(
                (types, _window(group.head), tuple(sorted(forms[b] for b in self.above[group])))
            )
        return hash((forms[groups[-1]], len(groups)))
