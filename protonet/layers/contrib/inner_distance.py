"""InnerDistance: the distance of each vector to learned ones."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
)
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch


@register("InnerDistance")
class InnerDistanceLayer(Layer):
    """The sum of squared (L2) or absolute (L1) differences to each of num_output vectors.

    (..., K) with all axes from ``axis`` on as one, to (..., num_output). It has no bias, whatever
    bias_term says. Source: happynear's Caffe fork, InnerDistanceLayer.
    """

    param = "inner_distance_param"
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "InnerDistance" bottom: "x" top: "y" '
            "inner_distance_param { num_output: 5 } }",
            {"x": (2, 3, 4)},
            {"y": (2, 5)},
            "self.l = InnerDistance(12, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        self.check_positive("num_output")
        if p.distance_type not in ("L1", "L2"):
            raise LayerError("distance_type is L1 or L2", "distance_type")
        for field in ("transpose", "normalize", "update_center_only"):
            if getattr(p, field):
                raise LayerError(f"{field}: true is not supported", field)
        x = bottoms[0]
        return ((*x[: canonical_axis(p.axis, x)], p.num_output),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        x = bottoms[0]
        shape = (self.p.num_output, count(x, canonical_axis(self.p.axis, x)))
        return (Blob("weight", shape, self.p.weight_filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        squared = self.p.distance_type == "L2"
        y = x.flatten(axis) if axis < len(shape) - 1 else x
        size = count(shape, axis)
        return b.module(InnerDistance, size, self.p.num_output, squared=squared)(y)


class InnerDistance(nn.Module):
    """Sums of squared or absolute differences to learned vectors."""

    def __init__(self, inputs: int, outputs: int, squared: bool = True) -> None:
        super().__init__()
        self.squared = squared
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        apart = x.unsqueeze(-2) - self.weight
        return (apart.square() if self.squared else apart.abs()).sum(-1)
