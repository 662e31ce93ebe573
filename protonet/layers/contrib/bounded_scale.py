"""BoundedScale: Scale with bounds for the learned factor, of happynear's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register
from protonet.layers.blob import Blob
from protonet.layers.extent import covered
from protonet.program import Builder, Expr, nn, single, torch


@register("BoundedScale")
class BoundedScaleLayer(Layer):
    """What Scale is with min_value or max_value: a learned factor that is kept within them.

    Any shape, kept. Each pass in training sets what lies beyond a bound to it; the gradient is as
    if there were none. Source: ScaleLayer of happynear's Caffe fork.
    """

    param = "scale_param"
    bottoms = (1, 2)
    may_run_in_place = True
    kind = "normalisation"
    follows = True
    examples = (
        Example(
            'layer { name: "scale" type: "Scale" bottom: "x" top: "y" '
            "scale_param { num_axes: 0 min_value: 0.01 filler { value: 10 } } }",
            {"x": (4, 6)},
            {"y": (4, 6)},
            "self.scale = BoundedScale([], low=0.01)",
        ),
    )

    def reads_backward(self) -> tuple[str, ...]:
        """The bottom, of which the layer keeps a copy where it works in place."""
        in_place = self.message.bottom[0] == self.message.top[0]
        return () if in_place else ("bottoms",)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms) > 1:
            what = "bounds are for a learned factor, not for a second bottom"
            raise LayerError(what, "bottom", 1)
        low, high = self.bounds()
        if low is not None and high is not None and low > high:
            raise LayerError(f"min_value {low} is above max_value {high}", "min_value")
        covered(bottoms[0], self.p.axis, self.p.num_axes)
        return bottoms

    def bounds(self) -> tuple[float | None, float | None]:
        """The least and the largest factor, where they are stated."""
        low = single(self.p.min_value) if self.has("min_value") else None
        return low, single(self.p.max_value) if self.has("max_value") else None

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = covered(bottoms[0], self.p.axis, self.p.num_axes)
        weight = Blob("weight", shape, self.p.filler if self.has("filler") else None)
        bias = Blob("bias", shape, self.p.bias_filler if self.has("bias_filler") else None)
        return (weight, bias) if self.p.bias_term else (weight,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        shape = covered(b.bottoms[0], self.p.axis, self.p.num_axes)
        start = canonical_axis(self.p.axis, b.bottoms[0]) if shape else 0
        low, high = self.bounds()
        scale = b.module(
            BoundedScale,
            list(shape),
            trailing=len(b.bottoms[0]) - start - len(shape) if shape else 0,
            bias=bool(self.p.bias_term),
            low=low,
            high=high,
        )
        return scale(*bottoms)


class BoundedScale(nn.Module):
    """Multiply by a learned factor within bounds, before so many trailing axes."""

    def __init__(
        self,
        shape: list[int],
        trailing: int = 0,
        bias: bool = False,
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        super().__init__()
        self.trailing = (1,) * trailing
        self.low, self.high = low, high
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bounded = self.weight.detach().clamp(self.low, self.high)
        if self.training:
            self.weight.data.copy_(bounded)
        # The factor's gradient is not cut off at a bound.
        factor = bounded + (self.weight - self.weight.detach())
        shape = factor.shape + self.trailing
        y = x * factor.view(shape)
        return y if self.bias is None else y + self.bias.view(shape)
