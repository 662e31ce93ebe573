"""SeLu: the exponential linear unit that keeps mean and variance."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, F, single


@register("SeLu")
class SeLu(Layer):
    """lambda times x where x > 0, else lambda times alpha times the exponential of x, less 1.

    Any shape, kept. Source: HolmesShuan's SNNs in Caffe, SeLuLayer; Klambauer et al.,
    Self-Normalizing Neural Networks (2017).
    """

    param = "selu_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    in_place_harms = True
    examples = (
        Example(
            'layer { name: "selu1" type: "SeLu" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = F.selu(x)",
        ),
        Example(
            'layer { name: "selu1" type: "SeLu" bottom: "x" top: "y" '
            "selu_param { alpha: 2 lambda: 1.5 } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "y = F.elu(x, 2.0) * 1.5",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        alpha, scale = self.p.alpha, getattr(self.p, "lambda")
        plain = type(self.p)()
        if (alpha, scale) == (plain.alpha, getattr(plain, "lambda")):
            return b.call(F.selu, x)
        return b.call(F.elu, x, single(alpha)) * single(scale)
