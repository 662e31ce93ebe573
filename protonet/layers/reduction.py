"""Reduction: the axes from one on as one number."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, canonical_axis, register
from protonet.program import Builder, Expr, single

_SUM, _ASUM, _SUMSQ, _MEAN = 1, 2, 3, 4


@register("Reduction")
class Reduction(Layer):
    """The sum, the sum of sizes or of squares, or the mean over ``axis`` and all after it.

    Any shape to the axes before ``axis``. Source: Caffe's ReductionLayer.
    """

    param = "reduction_param"
    keeps = ()
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Reduction" bottom: "x" top: "y" '
            "reduction_param { operation: MEAN axis: 1 coeff: 0.5 } }",
            {"x": (2, 3, 4)},
            {"y": (2,)},
            "y = 0.5 * x.mean([1, 2])",
        ),
    )

    def reads_backward(self) -> tuple[str, ...]:
        """The bottom, whose signs or values the gradient has."""
        return ("bottoms",) if self.p.operation in (_ASUM, _SUMSQ) else ()

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        return (x[: canonical_axis(self.p.axis, x)],)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        operation, coefficient = self.p.operation, single(self.p.coeff)
        axis, axes = canonical_axis(self.p.axis, b.bottoms[0]), len(b.bottoms[0])
        over: list[list[int]] = [list(range(axis, axes))] if axis else []
        x = {_ASUM: x.abs(), _SUMSQ: x.square()}.get(operation, x)
        y = x.mean(*over) if operation == _MEAN else x.sum(*over)
        return y if coefficient == 1 else coefficient * y
