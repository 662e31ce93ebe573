"""Reorg: places into channels, of the YOLO forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("Reorg")
class Reorg(Layer):
    """Move blocks of stride x stride places into channels, or back with ``reverse``.

    (n, c, h, w) to (n, c * stride², h / stride, w / stride), in the order of darknet's reorg_cpu,
    which reads the map as one of c / stride² channels; reversed to (n, c / stride², h * stride,
    w * stride), a place's channels in blocks. Source: ReorgLayer of eric612's MobileNet-YOLO.
    """

    param = "reorg_param"
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Reorg" bottom: "x" top: "y" reorg_param { stride: 2 } }',
            {"x": (2, 8, 4, 6)},
            {"y": (2, 32, 2, 3)},
            "y = reorg(x, 2)",
        ),
        Example(
            'layer { name: "l" type: "Reorg" bottom: "x" top: "y" '
            "reorg_param { stride: 2 reverse: true } }",
            {"x": (2, 8, 4, 6)},
            {"y": (2, 2, 8, 12)},
            "y = reorg_back(x, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        stride = self.p.stride
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        if not stride:
            stated = ("stride",) if self.has("stride") else ()
            raise LayerError("it has no stride", *stated)
        if x[1] % stride**2:
            raise LayerError(f"{x[1]} channels are no multiple of {stride}²", "stride")
        if self.p.reverse:
            return ((x[0], x[1] // stride**2, x[2] * stride, x[3] * stride),)
        if x[2] % stride or x[3] % stride:
            raise LayerError(f"stride {stride} does not divide {show(x[2:])}", "stride")
        return ((x[0], x[1] * stride**2, x[2] // stride, x[3] // stride),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(reorg_back if self.p.reverse else reorg, *bottoms, self.p.stride)


def reorg(x: torch.Tensor, stride: int) -> torch.Tensor:
    """Places into channels, in the order of darknet's reorg."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, c // stride**2, h, stride, w, stride)
    blocks = blocks.permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, c * stride**2, h // stride, w // stride)


def reorg_back(x: torch.Tensor, stride: int) -> torch.Tensor:
    """Channels into places, blocks of stride x stride."""
    n, c, h, w = x.shape
    blocks = x.reshape(n, stride, stride, c // stride**2, h, w)
    blocks = blocks.permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(n, c // stride**2, h * stride, w * stride)
