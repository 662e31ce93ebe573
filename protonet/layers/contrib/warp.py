"""Warp: a map looked up at other places, as two forks of FlowNet's have it."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.sampling import between, looked_up
from protonet.program import Builder, Expr, torch


@register("Warp")
class Warp(Layer):
    """Look a map up, bilinearly: where a flow leads, or at the places that are given.

    A map (n, c, h, w) and x and y in pixels (n, 2, h, w), to (n, c, h, w). PWC-Net's and
    StruPyNet's take a flow, zeros where it leads out of the map, its gradient at whole pixels the
    mean of both sides. LiteFlowNet's takes places, pixels outside of the map being zeros; its nets
    have a Grid layer, by which they are known, or ``warp_param { places: true }`` says so.
    Source: WarpLayer of NVlabs' PWC-Net, and of twhui's LiteFlowNet.
    """

    param = "warp_param"
    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "Warp" bottom: "x" bottom: "flow" top: "y" }',
            {"x": (1, 3, 6, 8), "flow": (1, 2, 6, 8)},
            {"y": (1, 3, 6, 8)},
            "y = warped(x, flow)",
        ),
        Example(
            'layer { name: "l" type: "Warp" bottom: "x" bottom: "places" top: "y" '
            "warp_param { places: true } }",
            {"x": (1, 3, 6, 8), "places": (1, 2, 6, 8)},
            {"y": (1, 3, 6, 8)},
            "y = looked_up_between(x, places)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, flow = bottoms
        if len(x) != 4 or flow != (x[0], 2, *x[2:]):
            what = f"a map (n, c, h, w) takes x and y as (n, 2, h, w), not {show(x)} and"
            raise LayerError(f"{what} {show(flow)}", "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (looked_up, between):
            b.helper(helper)
        if self.p.places:
            return b.call(looked_up_between, *bottoms)
        b.helper(slopes)
        return b.call(warped, *bottoms)


def warped(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """A map where a flow leads; zeros where that is outside of it."""
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device).unsqueeze(1) + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = torch.where(inside, x, 0), torch.where(inside, y, 0)
    left, upper = x.long(), y.long()
    right, lower = x.detach().ceil().long(), y.detach().ceil().long()
    values = between(image, x, y, left, right, upper, lower)
    if flow.requires_grad:  # at whole pixels, where both neighbours are one
        across, down = slopes(image.detach(), 3), slopes(image.detach(), 2)
        across = between(across, x.detach(), y.detach(), left, right, upper, lower)
        down = between(down, x.detach(), y.detach(), left, right, upper, lower)
        a = torch.where(left == right, x - x.detach(), 0).unsqueeze(1)
        b = torch.where(upper == lower, y - y.detach(), 0).unsqueeze(1)
        values = values + a * across + b * down
    return torch.where(inside.unsqueeze(1), values, 0)


def slopes(image: torch.Tensor, axis: int) -> torch.Tensor:
    """The mean of the differences to both neighbours along an axis, none beyond the border."""
    steps = image.diff(dim=axis)
    edge = torch.zeros_like(image.narrow(axis, 0, 1))
    return (torch.cat([steps, edge], axis) + torch.cat([edge, steps], axis)) / 2


def looked_up_between(image: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """A map at places between its pixels; those outside of it are zeros."""
    height, width = image.shape[2:]
    x, y = places[:, 0], places[:, 1]
    left, upper = x.detach().floor(), y.detach().floor()
    total = torch.zeros_like(image)
    for column, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
        i, j = left + column, upper + row
        inside = (i >= 0) & (i < width) & (j >= 0) & (j < height)
        across = x - left if column else 1 - (x - left)
        down = y - upper if row else 1 - (y - upper)
        share = torch.where(inside, across * down, 0).unsqueeze(1)
        i, j = torch.where(inside, i, 0).long(), torch.where(inside, j, 0).long()
        total = total + share * looked_up(image, i, j)
    return total
