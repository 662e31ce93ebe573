"""Clip: x, kept between min and max."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("Clip")
class Clip(Layer):
    """X, kept between min and max.

    Any shape, kept. Source: Caffe's ClipLayer.
    """

    param = "clip_param"
    may_run_in_place = True
    backward_reads = ("bottoms",)
    in_place_harms = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Clip" bottom: "x" top: "y" clip_param { min: 0 max: 6 } }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x.clamp(0.0, 6.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        low, high = single(self.p.min), single(self.p.max)
        # Of bounds the wrong way round torch takes the upper one, Caffe the lower.
        return x.clamp(low, high) if low <= high else b.call(torch.full_like, x, low)
