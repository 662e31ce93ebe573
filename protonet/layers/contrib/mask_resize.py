"""MaskResize: masks interpolated to another size, of the MNC fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, torch


@register("MaskResize")
class MaskResize(Layer):
    """Interpolate (n, c, h, w) to (n, c, output_height, output_width), from its first place on.

    Place i of the top is at i * h / output_height; the last row and column are kept up, for half a
    place, behind which there is 0. The gradient is the fork's, which leaves out a place of the top
    before each where the masks grow. Source: MaskResizeLayer of daijifeng001's caffe-mnc.
    """

    param = "mask_resize_param"
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "MaskResize" bottom: "x" top: "y" '
            "mask_resize_param { output_height: 4 output_width: 6 } }",
            {"x": (2, 1, 3, 3)},
            {"y": (2, 1, 4, 6)},
            "y = resized_masks(x, 4, 6)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        self.check_positive("output_height", "output_width")
        return ((*x[:2], self.p.output_height, self.p.output_width),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(mask_weights)
        return b.call(resized_masks, *bottoms, self.p.output_height, self.p.output_width)


def resized_masks(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Masks at another size, (n, c, height, width)."""
    down, learned_down = mask_weights(x.shape[2], height, x)
    across, learned_across = mask_weights(x.shape[3], width, x)
    learned = learned_down @ x @ learned_across.T
    return down @ x.detach() @ across.T + (learned - learned.detach())


def mask_weights(
    length: int,
    outputs: int,
    like: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (outputs, length) of an axis' places, and those that take a gradient."""
    index = torch.arange(outputs, device=like.device).to(like.dtype)
    place = torch.arange(length, device=like.device).to(like.dtype)
    at = index[:, None] * (length / outputs)
    weights = (1 - (at.clamp(max=length - 1) - place).abs()).clamp(min=0)
    weights = torch.where(at <= length - 0.5, weights, 0)
    first = (place / (length / outputs)).floor()
    near = (index[:, None] >= first) & (index[:, None] <= first + 1)
    near = near & ((at - place).abs() < 1)
    return weights, torch.where(near, weights, 0)
