"""AssistedExcitation: a map that is stronger beneath true boxes, of the MobileNet-YOLO fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, nn, torch

_ROWS = 300


@register("AssistedExcitation")
class AssistedExcitationLayer(Layer):
    """Add to a map (n, c, h, w) its own mean beneath the true boxes, less as training goes on.

    True boxes (n, 300 * 5) of class, center, width and height, in units of the image, ending where
    a center is 0, and means (n, h, w), to the map's shape. What is added shrinks as a quarter of a
    cosine over three quarters of the solver's iterations, then it is nothing; outside of training
    it is whole. As in the fork only the first image of a batch is excited, and the gradient goes to
    the map alone. Source: AssistedExcitationLayer of eric612's MobileNet-YOLO.
    """

    bottoms = (3, 3)
    constants = (1, 2)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "AssistedExcitation" bottom: "x" bottom: "label" '
            'bottom: "mean" top: "y" }',
            {"x": (2, 4, 5, 6), "label": (2, 1, 300, 5), "mean": (2, 5, 6)},
            {"y": (2, 4, 5, 6)},
            "self.l = AssistedExcitation()",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth, mean = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes a map (n, c, h, w), not {show(x)}", "bottom", 0)
        if not truth or truth[0] != x[0] or count(truth, 1) != 5 * _ROWS:
            what = f"true boxes have the shape {x[0]}x1x{_ROWS}x5, not {show(truth)}"
            raise LayerError(what, "bottom", 1)
        if not mean or mean[0] != x[0] or count(mean, 1) != count(x, 2):
            what = f"means of {show(x)} have the shape {x[0]}x{x[2]}x{x[3]}, not {show(mean)}"
            raise LayerError(what, "bottom", 2)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(AssistedExcitation)(*bottoms)


class AssistedExcitation(nn.Module):
    """A map and its mean beneath true boxes; the solver tells how far training has come, 0 to 1."""

    training_progress: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("training_progress", torch.zeros(()), persistent=False)

    def forward(self, x: torch.Tensor, truth: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        rows = truth.detach().reshape(len(x), -1, 5)[0]
        real, rows = (rows[:, 1] == 0).cumsum(0) == 0, rows[:, 1:]
        sides = rows.new_tensor([width, height])
        low = ((rows[:, :2] - rows[:, 2:] / 2) * sides).trunc()
        low = torch.minimum(low.clamp(min=0), sides - 1)
        high = ((rows[:, :2] + rows[:, 2:] / 2) * sides + 0.95).trunc()
        high = torch.minimum(torch.maximum(high, low + 1), sides)
        i = torch.arange(height, device=x.device)[:, None]
        j = torch.arange(width, device=x.device)[:, None]
        across = (j >= low[:, 0]) & (j < high[:, 0])
        down = (i >= low[:, 1]) & (i < high[:, 1])
        beneath = (down[:, None] & across & real).any(2)
        strength = (self.training_progress * (2 * math.pi / 3)).cos().clamp(min=0)
        excited = beneath * mean.detach()[0].reshape(height, width) * strength.to(x)
        return torch.cat([x[:1] + excited, x[1:]])
