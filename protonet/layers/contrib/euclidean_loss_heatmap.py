"""EuclideanLossHeatmap: how far maps of points lie from those wanted."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, single, torch


@register("EuclideanLossHeatmap")
class EuclideanLossHeatmap(Layer):
    """The mean squared difference of two stacks of square maps.

    (n, c, s, s) twice, and whatever a third bottom is, a picture's background, to one number. The
    gradient is the fork's: the difference itself, whatever the loss weighs and however many numbers
    there are, and for both bottoms of one sign. Only square maps: of others the fork reads wrong
    places. Source: EuclideanLossHeatmapLayer of HongwenZhang's ECT-FaceAlignment, from Pfister et
    al., Flowing ConvNets (2015).
    """

    bottoms = (2, 3)
    constants = (2,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "EuclideanLossHeatmap" bottom: "x" bottom: "label" top: "y" }',
            {"x": (2, 3, 4, 4), "label": (2, 3, 4, 4)},
            {"y": ()},
            "y = heatmap_loss(x, label, 1.0)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        maps, wanted = bottoms[:2]
        if len(maps) != 4 or maps[2] != maps[3] or 0 in maps:
            what = f"it takes square maps (n, c, s, s), not {show(maps)}"
            raise LayerError(what, "bottom", 0)
        if wanted != maps:
            what = f"the shape {show(wanted)} is not that of the first bottom, {show(maps)}"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        weights = [single(w) for w in self.message.loss_weight if w] or [1.0]
        return b.call(heatmap_loss, *bottoms[:2], weights[0])


def heatmap_loss(
    maps: torch.Tensor,
    wanted: torch.Tensor,
    loss_weight: float,
) -> torch.Tensor:
    """The mean squared difference, whose gradient is the difference for both."""
    apart = maps.detach() - wanted.detach()
    path = (apart * (maps + wanted)).sum() / loss_weight
    return apart.square().mean() + (path - path.detach())
