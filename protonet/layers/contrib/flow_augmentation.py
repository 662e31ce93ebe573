"""FlowAugmentation: the flow between two images that were changed, of FlowNet's forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.coefficients import COUNT, affine_of, check_crop, multiplies, values_of
from protonet.layers.sampling import looked_up
from protonet.program import Builder, Expr, torch


@register("FlowAugmentation")
class FlowAugmentation(Layer):
    """Turn a flow into that between the crops of its images, by the coefficients of each.

    A flow (n, 2, h, w) and twice coefficients (n, 42, 1, 1), to (n, 2, crop_height, crop_width).
    The flow is that of the nearest pixel. Source: FlowNet2's FlowAugmentationLayer.
    """

    param = "augmentation_param"
    bottoms = (3, 3)
    constants = (0, 1, 2)
    keeps = ()
    ignores = ("write_augmented", "write_mean")
    examples = (
        Example(
            'layer { name: "l" type: "FlowAugmentation" bottom: "x" bottom: "a" bottom: "b" '
            'top: "y" '
            "augmentation_param { crop_width: 6 crop_height: 4 } }",
            {"x": (2, 2, 6, 8), "a": (2, 42, 1, 1), "b": (2, 42, 1, 1)},
            {"y": (2, 2, 4, 6)},
            "y = augmented_flow(x, a, b, (4, 6))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, *given = bottoms
        if len(x) != 4 or x[1] != 2:
            raise LayerError(f"a flow has the shape (n, 2, h, w), not {show(x)}", "bottom", 0)
        for index, shape in enumerate(given, 1):
            if shape != (x[0], COUNT, 1, 1):
                what = f"coefficients have the shape {x[0]}x{COUNT}x1x1, not {show(shape)}"
                raise LayerError(what, "bottom", index)
        self.check_positive("crop_width", "crop_height")
        check_crop(self.p, x[2:])
        return ((*x[:2], self.p.crop_height, self.p.crop_width),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (affine_of, looked_up, multiplies, values_of):
            b.helper(helper)
        return b.call(augmented_flow, *bottoms, (self.p.crop_height, self.p.crop_width))


def augmented_flow(
    flow: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
    size: tuple[int, int],
) -> torch.Tensor:
    """The flow between two crops: to the first image, along its flow, into the second crop."""
    height, width = flow.shape[2:]
    one = affine_of(values_of(first.flatten(1), True), size, (height, width))
    two = affine_of(values_of(second.flatten(1), True), size, (height, width))
    row = torch.arange(size[0], dtype=flow.dtype, device=flow.device)
    column = torch.arange(size[1], dtype=flow.dtype, device=flow.device)
    pixels = torch.stack(torch.meshgrid(column, row, indexing="xy"), 2)
    at = pixels @ one[:, :, :2].transpose(1, 2)[:, None]
    at = at + one[:, None, None, :, 2]
    x = (at[..., 0] + 0.5).long().clamp(0, width - 1)
    y = (at[..., 1] + 0.5).long().clamp(0, height - 1)
    there = at + looked_up(flow, x, y).permute(0, 2, 3, 1)
    there = there - two[:, None, None, :, 2]
    back = torch.linalg.inv(two[:, :, :2]).transpose(1, 2)[:, None]
    apart: torch.Tensor = there @ back - pixels
    return apart.permute(0, 3, 1, 2)
