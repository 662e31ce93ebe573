"""Exp: base to the power of (shift + scale times x)."""

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("Exp")
class Exp(Layer):
    """Base to the power of (shift + scale times x).

    Any shape, kept. Source: Caffe's ExpLayer.
    """

    param = "exp_param"
    may_run_in_place = True
    backward_reads = ("tops",)
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Exp" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = torch.exp(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        base = self.p.base
        if base != -1 and not 0 < base < math.inf:
            what = f"base must be above 0, or -1 for e, not {single(base):g}"
            raise LayerError(what, "base")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        base, scale, shift = (single(v) for v in (self.p.base, self.p.scale, self.p.shift))
        rate = scale if base == -1 else scale * math.log(base)
        outer = shift if base == -1 else shift * math.log(base)
        inner = x if rate == 1 else x * rate
        return b.call(torch.exp, inner if outer == 0 else inner + outer)
