"""Layers that write over their bottom, as Caffe's nets have it."""

from __future__ import annotations

from protonet.lifting.draft import Draft, NewLayer

IN_PLACE = frozenset(
    "BatchNorm Bias BNLL Clip ELU Exp Log Power PReLU ReLU Scale Sigmoid Swish TanH "  # noqa: SIM905
    "Threshold".split()
)
# Their top is their bottom's memory, or a parameter's: who writes over it changes that too.
_SHARING = frozenset(("DummyData", "Dropout", "Flatten", "Parameter", "Reshape", "Split"))


def work_in_place(draft: Draft) -> None:
    """Let layers write over their bottom where nobody else reads that, in memory of its own."""
    counts: dict[int, int] = {}
    for layer in draft.layers:
        for bottom in layer.bottoms:
            counts[id(bottom)] = counts.get(id(bottom), 0) + 1
    makers = {id(top): layer for layer in draft.layers for top in layer.tops}
    given = {id(blob) for blob in (*draft.outputs, *draft.inputs)}
    for layer in draft.layers:
        if layer.type not in IN_PLACE or len(layer.bottoms) != 1:
            continue
        (bottom,), (top,) = layer.bottoms, layer.tops
        maker = makers.get(id(bottom))
        if maker is None or id(bottom) in given or counts[id(bottom)] > 1 or _is_shared(maker):
            continue
        layer.tops = [bottom]
        draft.values = {n: b for n, b in draft.values.items() if b is not bottom}
        draft.replace(top, bottom)
        layer.bottoms, makers[id(bottom)] = [bottom], layer
        counts[id(bottom)] = counts.get(id(top), 0)
        if any(blob is bottom for blob in draft.outputs):
            given.add(id(bottom))


def _is_shared(maker: NewLayer) -> bool:
    """Whether a layer's tops are memory of others: of one part, Slice and Concat copy nothing."""
    if maker.type in ("Slice", "Concat", "Eltwise"):
        return len(maker.tops) == 1 and len(maker.bottoms) == 1
    return maker.type in _SHARING
