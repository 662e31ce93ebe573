"""Parameter: a learned blob as the top of a layer."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, Shape, check_dims, register
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch


@register("Parameter")
class ParameterLayer(Layer):
    """Give a learned blob of the shape stated; it starts at zero, or from blob_filler.

    Source: Caffe's ParameterLayer, and happynear's, which has the blob_filler.
    """

    param = "parameter_param"
    bottoms = (0, 0)
    kind = "data"
    fills = False
    examples = (
        Example(
            'layer { name: "w" type: "Parameter" top: "y" '
            "parameter_param { shape { dim: 2 dim: 3 } } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "self.w = Parameter(2, 3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        shape = tuple(self.p.shape.dim)
        check_dims(shape, "shape")
        return (shape,)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        filler = self.p.blob_filler if self.has("blob_filler") else None
        return (Blob("weight", tuple(self.p.shape.dim), filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(Parameter, *self.p.shape.dim)()


class Parameter(nn.Module):
    """A learned tensor of its own."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self) -> torch.Tensor:
        return self.weight
