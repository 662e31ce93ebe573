"""MVN: zero mean and unit variance for each item."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, single, torch


@register("MVN")
class MVN(Layer):
    """Subtract the mean and divide by the deviation, of each channel or of all together.

    (n, c, h, w), kept. Source: Caffe's MVNLayer.
    """

    param = "mvn_param"
    kind = "normalisation"
    examples = (
        Example(
            'layer { name: "l" type: "MVN" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = mvn(x, [2, 3])",
        ),
        Example(
            'layer { name: "l" type: "MVN" bottom: "x" top: "y" '
            "mvn_param { normalize_variance: false } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x - x.mean([2, 3], keepdim=True)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) > 4:
            raise LayerError(f"it takes at most 4 axes, not {show(x)}", "bottom", 0)
        return bottoms

    def kept(self) -> tuple[str, ...]:
        """The deviations, where they are divided."""
        return ("bottoms",) if self.p.normalize_variance else ()

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        first = 1 if self.p.across_channels else 2
        axes = list(range(first, len(b.bottoms[0])))
        if not axes:
            x, axes = x[..., None], [-1]
            return self.normalised(b, x, axes)[..., 0]
        return self.normalised(b, x, axes)

    def normalised(self, b: Builder, x: Expr, axes: list[int]) -> Expr:
        """The deviation from the mean over these axes, divided by its size where that is asked."""
        if self.p.normalize_variance:
            return b.call(mvn, x, axes, eps=single(self.p.eps))
        return x - x.mean(axes, keepdim=True)


def mvn(x: torch.Tensor, axes: list[int], eps: float = 1e-9) -> torch.Tensor:
    """Zero mean and unit variance over the axes; eps is added to the deviation."""
    x = x - x.mean(axes, keepdim=True)
    return x / (x.square().mean(axes, keepdim=True).sqrt() + eps)
