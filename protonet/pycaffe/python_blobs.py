"""The parameter blobs of a Python layer in the module that a net becomes."""

from __future__ import annotations

import copy

from protonet.layers.python import PythonLayer
from protonet.program import Builder, Expr, nn, torch


class PythonBlobs(nn.Module):
    """Parameters blob0, blob1, ... of given shapes; the layer's own object computes with them."""

    def __init__(self, shapes: list[list[int]]) -> None:
        super().__init__()
        for index, shape in enumerate(shapes):
            self.register_parameter(f"blob{index}", nn.Parameter(torch.zeros(shape)))

    def forward(self, tops: int) -> tuple[torch.Tensor, ...]:
        raise RuntimeError(f"its {tops} tops are computed by the layer's own object")


class HeldPythonLayer(PythonLayer):
    """A Python layer whose object runs outside of the module."""

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        run = b.module(PythonBlobs, [list(shape) for shape in self.added])(len(b.tops))
        return run[0] if len(b.tops) == 1 else run


def held(layer: PythonLayer) -> HeldPythonLayer:
    """The layer, its object apart from the module."""
    own = copy.copy(layer)
    own.__class__ = HeldPythonLayer
    assert isinstance(own, HeldPythonLayer)
    return own
