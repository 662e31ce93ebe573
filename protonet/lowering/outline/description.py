"""What the docstring of a block says: what it does, and the shapes that go in and come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protonet.lowering.outline.family import Family
from protonet.lowering.outline.form import Module
from protonet.lowering.outline.naming import type_word
from protonet.lowering.outline.region import Region
from protonet.program.expr import Call, Literal
from protonet.shape import Shape

_SENTENCES = {
    "Bottleneck": "Convolutions, narrow in the middle, beside a shortcut",
    "BasicBlock": "Two convolutions beside a shortcut",
    "ResidualBlock": "Convolutions, added to what goes in",
    "ProjectionBlock": "Convolutions beside a projection",
    "InvertedResidual": "Expand, filter each channel, project",
    "SeparableConv": "A filter for each channel, then a mix of the channels",
    "DenseLayer": "New channels behind the old ones",
    "Inception": "Branches side by side",
    "ASPP": "Dilated convolutions side by side",
    "Fire": "Squeeze the channels, then expand them in two ways",
    "PyramidPooling": "Means over windows of several sizes, behind what goes in",
    "Head": "Several values of one map, each on a branch of its own",
    "Stage": "Branches that refine what the stage before gives",
    "SEBlock": "Weigh each channel by what all of them are on average",
    "ConvBN": "Convolution and batch normalization",
}
_PARTS = {
    "conv": "convolution",
    "bn": "batch normalization",
    "pool": "pooling",
    "fc": "linear layer",
    "drop": "dropout",
}

_LONGEST = 78  # columns of a docstring, the quotes not counted

BlobShapes = Mapping[str, Shape]
Ends = Sequence[tuple[Shape, Shape]]


def description(
    family: Family, word: str, calls: Sequence[Call], names: Sequence[str], shapes: BlobShapes
) -> str:
    """One line on a block; ``names`` are its parameters' in the order in which calls give them."""
    ends = [found for use in family.uses if (found := _ends(use, shapes)) is not None]
    what = _sentence(family, word)
    if not ends and {"channels", "out_channels"} <= set(names):
        return _whole(what, "(n, channels, h, w) to (n, out_channels, h', w')")
    if len(ends) < len(family.uses) or any(len(a) != 4 or len(b) != 4 for a, b in ends):
        return f"{what}."
    given = [dict(zip(names, call.args, strict=False)) | call.kwargs for call in calls]
    values = [{name: v.value for name, v in one.items() if isinstance(v, Literal)} for one in given]
    channels = _channels([before[1] for before, _ in ends], values, "channels", "c")
    after = _channels([out[1] for _, out in ends], values, "out_channels", "c'")
    if after == "c'" and channels in names:
        more = {out[1] - before[1] for before, out in ends}
        after = f"{channels} + {more.pop()}" if len(more) == 1 else after
        after = after.removesuffix(" + 0")
    return _whole(what, f"(n, {channels}, h, w) to (n, {after}, {_window(ends, values)})")


def _whole(what: str, shapes: str) -> str:
    """What a block does and its shapes, in a second paragraph where they do not fit."""
    line = f"{what}: {shapes}."
    return line if len(line) <= _LONGEST else f"{what}.\n\n{shapes}."


def _sentence(family: Family, word: str) -> str:
    if word.startswith("ConvBN") and word != "ConvBN":
        return f"{_SENTENCES['ConvBN']}, then {word.removeprefix('ConvBN')}"
    if word in _SENTENCES:
        return _SENTENCES[word]
    if word.startswith("SE") and word[2:] in _SENTENCES:
        return f"{_SENTENCES[word[2:]]}, each channel weighed"
    modules: list[Module] = [family.model.flow.modules[name] for name in family.model.attributes]
    kinds = dict.fromkeys(type_word(module.callee) for module in modules)
    said = [_PARTS.get(kind, kind.replace("_", " ")) for kind in kinds]
    *first, last = said or ["arithmetic"]
    text = f"{', '.join(first)} and {last}" if first else last
    return text[:1].upper() + text[1:]


def _ends(use: Region, shapes: BlobShapes) -> tuple[Shape, Shape] | None:
    """The shapes of what a use reads and gives; None where they are not known."""
    flow = use.flow
    if flow.cls.is_block:
        return None
    before = shapes.get(use.ins[0][1])
    after = shapes.get(flow.statements[use.stop - 1].target)
    return None if before is None or after is None else (before, after)


def _channels(
    sizes: Sequence[int], values: Sequence[Mapping[str, object]], name: str, other: str
) -> str:
    """The parameter that a number of channels always is, or the number, or a letter."""
    if all(one.get(name) == size for one, size in zip(values, sizes, strict=True)):
        return name
    return str(sizes[0]) if len(set(sizes)) == 1 else other


def _window(ends: Ends, values: Sequence[Mapping[str, object]]) -> str:
    """The height and width that come out."""
    ratios = [-(-before[2] // max(out[2], 1)) for before, out in ends]
    if set(ratios) == {1} and all(before[2:] == out[2:] for before, out in ends):
        return "h, w"
    if all(one.get("stride", 1) == ratio for one, ratio in zip(values, ratios, strict=True)):
        return "h / stride, w / stride"
    return f"h / {ratios[0]}, w / {ratios[0]}" if len(set(ratios)) == 1 else "h', w'"
