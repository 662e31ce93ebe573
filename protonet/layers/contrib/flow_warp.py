"""FlowWarp: an image looked up where a flow field points, of FlowNet2's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.sampling import between, looked_up
from protonet.program import Builder, Expr, torch

_NAN = 2


@register("FlowWarp")
class FlowWarp(Layer):
    """Look an image up, bilinearly, at each pixel's place moved by the flow.

    An image (n, c, h, w) and a flow (n, 2, h, w) of x and y in pixels, to (n, c, h, w). Outside of
    the image fill_value, zeros or NaN. Source: FlowNet2's FlowWarpLayer.
    """

    param = "flow_warp_param"
    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "FlowWarp" bottom: "x" bottom: "flow" top: "y" }',
            {"x": (1, 3, 6, 8), "flow": (1, 2, 6, 8)},
            {"y": (1, 3, 6, 8)},
            "y = flow_warp(x, flow)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, flow = bottoms
        if len(x) != 4 or flow != (x[0], 2, *x[2:]):
            what = (
                f"an image (n, c, h, w) takes a flow (n, 2, h, w), not {show(x)} and {show(flow)}"
            )
            raise LayerError(what, "bottom", 1)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (looked_up, between):
            b.helper(helper)
        fill = {"fill": float("nan")} if self.p.fill_value == _NAN else {}
        return b.call(flow_warp, *bottoms, **fill)


def flow_warp(
    image: torch.Tensor,
    flow: torch.Tensor,
    fill: float = 0.0,
) -> torch.Tensor:
    """An image at the places to which a flow in pixels leads; ``fill`` outside of it."""
    height, width = image.shape[2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device).unsqueeze(1) + flow[:, 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = torch.where(inside, x, 0), torch.where(inside, y, 0)
    left, upper = x.long(), y.long()
    right, lower = (left + 1).clamp(max=width - 1), (upper + 1).clamp(max=height - 1)
    warped = between(image, x, y, left, right, upper, lower)
    return torch.where(inside.unsqueeze(1), warped, fill)
