"""MVN: zero mean and unit variance for each item."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, check_legacy, register
from protonet.program import Builder, Expr, single, torch


@register("MVN")
class MVN(Layer):
    """Subtract the mean and divide by the deviation, of each channel or of all together.

    (n, c, h, w), kept; fewer axes are followed by axes of 1. Source: Caffe's MVNLayer.
    """

    param = "mvn_param"
    may_run_in_place = True
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

    def reads_backward(self) -> tuple[str, ...]:
        """The top, where the deviation divides."""
        return ("tops",) if self.p.normalize_variance else ()

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_legacy(bottoms)
        (x,) = bottoms
        return ((*x, *(1,) * (4 - len(x))),)

    def kept(self) -> tuple[str, ...]:
        """The deviations, where they are divided."""
        return ("bottoms",) if self.p.normalize_variance else ()

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        index = (Ellipsis, *(None,) * (4 - len(b.bottoms[0])))
        x = x[index] if len(index) > 1 else x
        return self.normalised(b, x, [1, 2, 3] if self.p.across_channels else [2, 3])

    def normalised(self, b: Builder, x: Expr, axes: list[int]) -> Expr:
        """The deviation from the mean over these axes, divided by its size where that is asked."""
        if self.p.normalize_variance:
            return b.call(mvn, x, axes, eps=single(self.p.eps))
        return x - x.mean(axes, keepdim=True)


def mvn(x: torch.Tensor, axes: list[int], eps: float = 1e-9) -> torch.Tensor:
    """Zero mean and unit variance over the axes; eps is added to the deviation.

    As in Caffe the gradient takes the sum of both for the deviation.
    """
    x = x - x.mean(axes, keepdim=True)
    variance = x.square().mean(axes, keepdim=True)
    deviation = variance.detach().sqrt() + eps
    return x / (deviation + (variance - variance.detach()) / (2 * deviation))
