"""InnerDistance: the distance of each vector to learned ones, or to a second bottom's."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch


@register("InnerDistance")
class InnerDistanceLayer(Layer):
    """The sum of squared (L2) or absolute (L1) differences to each of so many vectors.

    (n, ...) with all axes from ``axis`` on as one, to (n, num_output), the vectors being learned;
    with normalize they have the length one, as each pass in training divides them by
    sqrt(sum of squares + 1e-6). Or they are a second bottom, (outputs, ...), and with
    update_center_only a third has labels (n,), and gradients go to the vectors from the
    distances to their own only. It has no bias, whatever bias_term says.
    Source: happynear's Caffe fork, InnerDistanceLayer.
    """

    param = "inner_distance_param"
    bottoms = (1, 3)
    constants = (2,)
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "InnerDistance" bottom: "x" top: "y" '
            "inner_distance_param { num_output: 5 } }",
            {"x": (2, 3, 4)},
            {"y": (2, 5)},
            "self.l = InnerDistance(12, 5)",
        ),
        Example(
            'layer { name: "l" type: "InnerDistance" bottom: "x" bottom: "w" top: "y" }',
            {"x": (2, 12), "w": (5, 12)},
            {"y": (2, 5)},
            "y = distances(x, w)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, x = self.p, bottoms[0]
        if p.distance_type not in ("L1", "L2"):
            raise LayerError("distance_type is L1 or L2", "distance_type")
        if p.transpose:
            what = "transpose: true is not supported, as the fork takes the vectors for rows"
            raise LayerError(what, "transpose")
        if p.update_center_only and len(bottoms) < 3:
            what = "update_center_only takes three bottoms: features, vectors and labels"
            raise LayerError(what, "update_center_only")
        axis = canonical_axis(p.axis, x)
        if len(bottoms) == 1:
            self.check_positive("num_output")
            return ((*x[:axis], p.num_output),)
        self.check_given(count(x, axis), count(x, 0, axis), bottoms)
        return ((*x[:axis], bottoms[1][0]),)

    def check_given(self, inputs: int, places: int, bottoms: tuple[Shape, ...]) -> None:
        """LayerError where the vectors or the labels of further bottoms don't fit."""
        vectors = bottoms[1]
        if not vectors or count(vectors, 1) != inputs:
            what = f"the vectors {show(vectors)} are not as long as the {inputs} of the first"
            raise LayerError(f"{what} bottom", "bottom", 1)
        if self.p.update_center_only and count(bottoms[2]) != places:
            what = f"{places} features take as many labels, the shape {show(bottoms[2])} has more"
            raise LayerError(f"{what} or less", "bottom", 2)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        if len(bottoms) > 1:
            return ()
        x = bottoms[0]
        shape = (self.p.num_output, count(x, canonical_axis(self.p.axis, x)))
        return (Blob("weight", shape, self.p.weight_filler),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        squared = self.p.distance_type == "L2"
        x = bottoms[0] if axis == len(shape) - 1 else bottoms[0].flatten(axis)
        b.helper(distances)
        if len(bottoms) == 1:
            options = {"squared": squared, "unit": bool(self.p.normalize)}
            size = count(shape, axis)
            return b.module(InnerDistance, size, self.p.num_output, **options)(x)
        vectors = bottoms[1] if len(b.bottoms[1]) == 2 else bottoms[1].flatten(1)
        if not self.p.update_center_only:
            return b.call(distances, x, vectors, squared=squared)
        return b.call(distances_of_own, x, vectors, bottoms[2], squared=squared)


def distances(
    x: torch.Tensor,
    vectors: torch.Tensor,
    squared: bool = True,
) -> torch.Tensor:
    """Sums of squared or absolute differences to each of the vectors."""
    if torch.compiler.is_compiling():  # and exported nets, whose formats have no cdist
        apart = x.unsqueeze(-2) - vectors
        return (apart.square() if squared else apart.abs()).sum(-1)
    rows = x.reshape(-1, x.shape[-1])
    power = 2.0 if squared else 1.0
    way = {"compute_mode": "donot_use_mm_for_euclid_dist"}  # which loses what is near
    apart = torch.cdist(rows, vectors, power, **way)
    return (apart.square() if squared else apart).view(*x.shape[:-1], len(vectors))


def distances_of_own(
    x: torch.Tensor,
    vectors: torch.Tensor,
    labels: torch.Tensor,
    squared: bool = True,
) -> torch.Tensor:
    """Distances whose gradient goes to the vectors from those to the label's own alone."""
    every = distances(x, vectors.detach(), squared)
    apart = x.detach() - vectors[labels.long().view(x.shape[:-1])]
    own = (apart.square() if squared else apart.abs()).sum(-1, keepdim=True)
    path = torch.zeros_like(every).scatter(-1, labels.long().view_as(own), own)
    return every + (path - path.detach())


class InnerDistance(nn.Module):
    """Sums of squared or absolute differences to learned vectors, of length one where told."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        squared: bool = True,
        unit: bool = False,
    ) -> None:
        super().__init__()
        self.squared, self.unit = squared, unit
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.unit:
            return distances(x, self.weight, self.squared)
        given = self.weight.detach()
        unit = given / (given.square().sum(1, keepdim=True) + 1e-6).sqrt()
        if self.training:
            self.weight.data.copy_(unit)
        # The gradient of the vectors does not go through their lengths.
        return distances(x, unit + (self.weight - self.weight.detach()), self.squared)
