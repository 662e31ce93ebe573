"""VoxelSoftmax: probabilities of the classes of every voxel."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F


@register("VoxelSoftmax")
class VoxelSoftmax(Layer):
    """Softmax over the channels of volumes.

    (n, c, length, h, w) to the same. Source: VoxelWiseSoftmaxLayer of C3D's Caffe fork.
    """

    keeps = ("tops",)
    examples = (
        Example(
            'layer { name: "l" type: "VoxelSoftmax" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 5, 5)},
            {"y": (2, 3, 4, 5, 5)},
            "y = F.softmax(x, dim=1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if len(bottoms[0]) != 5:
            what = f"it takes 5 axes (n, c, length, h, w), not {len(bottoms[0])}"
            raise LayerError(what, "bottom", 0)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.call(F.softmax, x, dim=1)
