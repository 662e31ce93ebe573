"""Downsample: truth with unknown places in a smaller size, of FlowNet's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("Downsample")
class Downsample(Layer):
    """Resize, corner to corner, by a mean of the pixels about each place that passes over NaN.

    (n, c, h, w) to (n, c, h', w'): top_height and top_width, or the second bottom's. NaN where more
    than half as much of the mean is unknown as is known. Source: FlowNet2's DownsampleLayer,
    whose gradient is not implemented.
    """

    param = "downsample_param"
    bottoms = (1, 2)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Downsample" bottom: "x" bottom: "like" top: "y" }',
            {"x": (1, 2, 12, 16), "like": (1, 5, 3, 4)},
            {"y": (1, 2, 3, 4)},
            "y = downsampled(x, like.shape[2], like.shape[3])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        for index, shape in enumerate(bottoms):
            if len(shape) != 4:
                raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(shape)}", "bottom", index)
        if len(bottoms) == 1:
            self.check_positive("top_height", "top_width")
        size = bottoms[1][2:] if len(bottoms) > 1 else (self.p.top_height, self.p.top_width)
        if size != x[2:] and min(*size, *x[2:]) < 2:
            what = f"{show(x[2:])} to {show(size)}: the fork divides by zero for a side of 1"
            raise LayerError(what, "bottom", 0)
        return ((*x[:2], *size),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = bottoms[0]
        if b.bottoms[0] == b.tops[0]:
            return x
        b.helper(shares_of_places)
        if len(bottoms) == 1:
            return b.call(downsampled, x, self.p.top_height, self.p.top_width)
        like = bottoms[1].shape
        return b.call(downsampled, x, like[2], like[3])


def downsampled(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The weighted mean of the known pixels about each place; NaN where too few are known."""
    down = shares_of_places(x, x.shape[2], height)
    across = shares_of_places(x, x.shape[3], width).t()
    unknown = x.isnan()
    known = down @ (~unknown).to(x.dtype) @ across
    lost = down @ unknown.to(x.dtype) @ across
    mean = down @ torch.where(unknown, 0, x) @ across / known
    return torch.where(lost / known > 0.5, torch.nan, mean)


def shares_of_places(x: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """How near each old pixel is to each new one's place, from 0 to 1, along one axis."""
    scale = (old - 1) / (new - 1)
    steps = torch.arange(new, dtype=x.dtype, device=x.device)
    places = (steps / (new - 1) * (old - 1)).unsqueeze(1)
    pixels = torch.arange(old, dtype=x.dtype, device=x.device)
    share = (1 - (pixels - places).abs() / scale).clamp(min=0)
    far = (pixels - (places + 0.5).floor()).abs() > math.ceil(scale)
    return torch.where(far, 0, share)
