"""Mean: a value for each channel added or taken away, of FlowNet's forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, single

_SUBTRACT = 4


@register("Mean")
class MeanLayer(Layer):
    """Add or take away a number for each channel, all three scaled as stated.

    output_scale * (input_scale * x ± mean_scale * value), the values taken round and round; for
    each bottom (n, c, h, w) a top. A mean of a file is not supported. Source: FlowNet2's MeanLayer,
    whose gradient is not implemented.
    """

    param = "mean_param"
    bottoms = (1, None)
    tops = (1, None)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Mean" bottom: "x" top: "y" '
            "mean_param { operation: SUBTRACT value: 104 value: 117 value: 123 } }",
            {"x": (1, 3, 4, 5)},
            {"y": (1, 3, 4, 5)},
            "y = x - x.new_tensor([104.0, 117.0, 123.0])[:, None, None]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if self.has("file"):
            hint = "give the mean of each channel as value"
            raise LayerError("a mean of a file is not supported", "file", hint=hint)
        values = len(self.p.value)
        if not values:
            raise LayerError("it has no value")
        if len(self.message.top) != len(bottoms):
            what = f"{len(bottoms)} bottoms give as many tops, not {len(self.message.top)}"
            raise LayerError(what, "top")
        for index, x in enumerate(bottoms):
            if len(x) != 4 or x[1] % values:
                what = f"{values} values go over a multiple of as many channels, not {x}"
                raise LayerError(what, "bottom", index)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        sign = -1 if self.p.operation == _SUBTRACT else 1
        scale, outer = single(self.p.input_scale), single(self.p.output_scale)
        values = [single(self.p.mean_scale * value) for value in self.p.value]
        tops = []
        for x, shape in zip(bottoms, b.bottoms, strict=True):
            each = values * (shape[1] // len(values))
            mean = x.new_tensor(each)[:, None, None]
            scaled = x if scale == 1 else scale * x
            y = scaled - mean if sign < 0 else scaled + mean
            tops.append(y if outer == 1 else outer * y)
        return tuple(tops)
