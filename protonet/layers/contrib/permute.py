"""Permute: the axes in another order, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("Permute")
class Permute(Layer):
    """Put the axes that ``order`` names first, the others after them in their own order.

    Any shape. Source: SSD's PermuteLayer.
    """

    param = "permute_param"
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Permute" bottom: "x" top: "y" '
            "permute_param { order: 0 order: 2 order: 3 order: 1 } }",
            {"x": (2, 8, 4, 5)},
            {"y": (2, 4, 5, 8)},
            "y = x.permute(0, 2, 3, 1)",
        ),
    )

    def order(self, axes: int) -> tuple[int, ...]:
        """All axes in their new order."""
        first = tuple(self.p.order)
        return (*first, *(i for i in range(axes) if i not in first))

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        for index, axis in enumerate(self.p.order):
            if axis >= len(x):
                raise LayerError(f"{show(x)} has no axis {axis}", "order", index)
            if axis in self.p.order[:index]:
                raise LayerError(f"order names the axis {axis} twice", "order", index)
        return (tuple(x[i] for i in self.order(len(x))),)

    def is_shared(self) -> bool:
        """In the order that the axes have, the top is the bottom's memory."""
        return tuple(self.p.order) == tuple(range(len(self.p.order)))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        order = self.order(len(b.bottoms[0]))
        return x if order == tuple(range(len(order))) else x.permute(*order)
