"""Log: logarithm of (shift + scale times x)."""

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("Log")
class LogLayer(Layer):
    """Logarithm of (shift + scale times x).

    Any shape, kept. Source: Caffe's LogLayer.
    """

    param = "log_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    in_place_harms = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Log" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = torch.log(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        base = self.p.base
        if base != -1 and not (0 < base < math.inf and base != 1):
            what = f"base must be above 0 and not 1, or -1 for e, not {single(base):g}"
            raise LayerError(what, "base")
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        base, scale, shift = (single(v) for v in (self.p.base, self.p.scale, self.p.shift))
        scaled = x if scale == 1 else x * scale
        value = b.call(torch.log, scaled if shift == 0 else scaled + shift)
        return value if base == -1 else value / math.log(base)
