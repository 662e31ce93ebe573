"""MaskOutputs: the outputs of one class, of ViewpointsAndKeypoints."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch


@register("MaskOutputs")
class MaskOutputs(Layer):
    """The kernel_size channels of each image that its class owns.

    (n, c, ...) and classes (n, ...), whole numbers from 0, to (n, kernel_size, h, w): channels from
    class * kernel_size on. The classes take no gradient; one whose channels the blob has not is an
    error. Source: MaskOutputsLayer of shubhtuls' ViewpointsAndKeypoints.
    """

    param = "mask_outputs_param"
    bottoms = (2, 2)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "l" type: "MaskOutputs" bottom: "x" bottom: "label" top: "y" '
            "mask_outputs_param { kernel_size: 3 } }",
            {"x": (2, 12), "label": (2,)},
            {"y": (2, 3, 1, 1)},
            "y = class_outputs(x, label, 3)[..., None, None]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, label = bottoms
        self.check_positive("kernel_size")
        if not 2 <= len(x) <= 4:
            raise LayerError(f"it takes 2 to 4 axes (n, c, h, w), not {show(x)}", "bottom", 0)
        if x[1] < self.p.kernel_size:
            what = f"{x[1]} channels are less than one class's {self.p.kernel_size}"
            raise LayerError(what, "kernel_size")
        if label[:1] != x[:1]:
            what = f"{x[0]} images take as many classes, not {show(label)}"
            raise LayerError(what, "bottom", 1)
        return ((x[0], self.p.kernel_size, *x[2:], *(1,) * (4 - len(x))),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, label = bottoms
        given = b.call(class_outputs, x, label, self.p.kernel_size)
        missing = (None,) * (4 - len(b.bottoms[0]))
        index = (Ellipsis, *missing)
        return given[index] if missing else given


def class_outputs(x: torch.Tensor, label: torch.Tensor, each: int) -> torch.Tensor:
    """The channels of each image's class, which are ``each`` in a row."""
    first = label.flatten()[: len(x)].long() * each
    channel = first[:, None] + torch.arange(each, device=x.device)
    return x[torch.arange(len(x), device=x.device)[:, None], channel]
