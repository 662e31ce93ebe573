"""HeatmapGenerating: the greatest chance of an object at each place, of the SubCNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("HeatmapGenerating")
class HeatmapGenerating(Layer):
    """The maximum over all channels but the first, background, and -1 at least.

    (n, c, h, w) to (n, 1, h, w). The gradient goes to the first maximum, where that is -1 to the
    background. Source: HeatmapGeneratingLayer of yuxng's caffe-fast-rcnn.
    """

    examples = (
        Example(
            'layer { name: "l" type: "HeatmapGenerating" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 1, 4, 5)},
            "y = heatmap(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4 or x[1] < 2:
            what = f"it takes maps (n, c, h, w) of background and more, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        return ((x[0], 1, *x[2:]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(heatmap, *bottoms)


def heatmap(x: torch.Tensor) -> torch.Tensor:
    """The greatest of all channels but the first, (n, 1, h, w)."""
    best = x[:, 1:].max(1, keepdim=True)[0]
    background = x[:, :1] - x[:, :1].detach() - 1
    return torch.where(best > -1, best, background)
