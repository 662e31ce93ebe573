"""STLoss: how far a spatial transformer looks beyond its image."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.sampling import affine_places
from protonet.program import Builder, Expr, torch


@register("STLoss")
class STLoss(Layer):
    """Half the mean square of how far the places of affine maps lie outside of -1 to 1.

    Maps (n, 6), for a SpatialTransformer's top of output_H x output_W, to one number: the sum over
    rows and columns, the mean over images and places.
    Source: STLossLayer of ALISCIFP's Segmentation, on the GPU.
    """

    param = "st_loss_param"
    bottoms = (1, 1)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "STLoss" bottom: "theta" top: "y" '
            "st_loss_param { output_H: 4 output_W: 5 } }",
            {"theta": (2, 6)},
            {"y": ()},
            "y = beyond_the_image(theta, 4, 5)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (theta,) = bottoms
        if not theta or count(theta, 1) != 6:
            raise LayerError(f"it takes maps of 6 numbers, not {show(theta)}", "bottom", 0)
        for field in ("output_H", "output_W"):
            side = getattr(self.p, field)
            if side < 1:
                raise LayerError(f"{field} must be at least 1, not {side}", field)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(affine_places)
        return b.call(beyond_the_image, *bottoms, self.p.output_H, self.p.output_W)


def beyond_the_image(theta: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Half the mean square of how far the places of affine maps lie outside of -1 to 1."""
    places = affine_places(theta, height, width)
    beyond = places - places.clamp(-1, 1)
    return beyond.square().sum(1).mean() / 2
