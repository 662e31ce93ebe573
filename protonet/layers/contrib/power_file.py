"""PowerFile: numbers of a file, added to every item."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, ShapeUnknown, count, register
from protonet.program import Builder, Expr, nn, single, torch


@register("PowerFile")
class PowerFileLayer(Layer):
    """Add to each item the numbers of the text that shift_file names, in order.

    A blob (n, ...) to its shape; without a file nothing is added, and nothing to the elements
    behind the file's last number. Source: PowerFileLayer of ALISCIFP's Segmentation, on the GPU.
    """

    param = "power_file_param"
    keeps = ()
    numbers_field = "shift_file"
    examples = (
        Example(
            'layer { name: "l" type: "PowerFile" bottom: "x" top: "y" '
            "power_file_param { shift_file_numbers: [0.5, 0, -2] } }",
            {"x": (2, 3)},
            {"y": (2, 3)},
            "self.l = AddedNumbers([0.5, 0.0, -2.0])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if not x:
            raise LayerError("it takes items with elements, not a single number", "bottom", 0)
        if self.p.shift_file and not self.p.shift_file_numbers:
            raise ShapeUnknown(f"the file {self.p.shift_file!r} is not there", "shift_file")
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        shape = b.bottoms[0]
        size = count(shape, 1)
        shift = [single(value) for value in self.p.shift_file_numbers[:size]]
        if not any(shift):
            return x
        shift += [0.0] * (size - len(shift))
        return b.module(AddedNumbers, shift)(x)


class AddedNumbers(nn.Module):
    """Numbers added to every item."""

    shift: torch.Tensor

    def __init__(self, numbers: list[float]) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(numbers), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.shift.view(x.shape[1:])
