"""Gather: what several processes computed, together; here as it is."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr


@register("Gather")
class Gather(Layer):
    """Each bottom as a top of its own: of one process, there is nothing else to gather.

    The fork's processes train the layers behind it on the items of all of them; protonet's
    average the gradients of their own items, as Caffe's do. Source: GatherLayer of yjxiong's
    Caffe fork, without MPI.
    """

    bottoms = (1, None)
    tops = (1, None)
    keeps = ()
    is_view = True
    shares_memory = True
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Gather" bottom: "x" bottom: "label" top: "y" top: "all" }',
            {"x": (2, 8), "label": (2,)},
            {"y": (2, 8), "all": (2,)},
            "y = x",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        tops = len(self.message.top)
        if tops != len(bottoms):
            raise LayerError(f"it takes a top for each of its {len(bottoms)} bottoms, not {tops}")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return bottoms
