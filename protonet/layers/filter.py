"""Filter: the items of a batch that a selector keeps."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr
from protonet.schema.pool import Message


@register("Filter")
class Filter(Layer):
    """Keep the items where the last bottom is not zero; how many there are, only a run tells.

    Blobs (n, ...) and a selector (n,). The tops' shapes are stated for all n. With filter_param it
    is yihui-he's, a ChannelFilter here. Source: Caffe's FilterLayer.
    """

    bottoms = (2, None)
    keeps = ()
    tops = (1, None)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "Filter" bottom: "x" bottom: "s" top: "y" }',
            {"x": (4, 3), "s": (4,)},
            {"y": (4, 3)},
            "y = x[s.flatten() != 0]",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        return "ChannelFilter" if message.HasField("filter_param") else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        *blobs, selector = bottoms
        last = len(bottoms) - 1
        tops = len(self.message.top)
        if tops != len(blobs):
            raise LayerError(f"{len(blobs)} filtered bottoms take as many tops, not {tops}", "top")
        if not selector or count(selector, 1) != 1:
            what = f"the selector has one number an item, not {show(selector)}"
            raise LayerError(what, "bottom", last)
        for index, shape in enumerate(blobs):
            if not shape or shape[0] != selector[0]:
                what = f"the selector {show(selector)} does not fit the shape {show(shape)}"
                raise LayerError(what, "bottom", index)
        return tuple(blobs)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        *blobs, selector = bottoms
        kept = selector.flatten() != 0
        kept = kept if len(blobs) == 1 else b.let("kept", kept)
        return tuple(x[kept] for x in blobs)
