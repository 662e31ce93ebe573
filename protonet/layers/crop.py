"""Crop: cut a blob to the size of another."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Reach,
    Shape,
    canonical_axis,
    register,
    show,
)
from protonet.program import Builder, Expr


@register("Crop")
class Crop(Layer):
    """Cut the first bottom to the second's size, from ``axis`` on, starting at ``offset``.

    Two bottoms of as many axes. Source: Caffe's CropLayer.
    """

    param = "crop_param"
    keeps = ()
    is_view = True
    bottoms = (2, 2)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Crop" bottom: "x" bottom: "s" top: "y" '
            "crop_param { axis: 2 offset: 1 } }",
            {"x": (2, 3, 8, 8), "s": (2, 4, 5, 6)},
            {"y": (2, 3, 5, 6)},
            "y = x[:, :, 1 : 1 + s.shape[2], 1 : 1 + s.shape[3]]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, size = bottoms
        if len(x) != len(size):
            what = f"it can't crop {show(x)} to {show(size)}, which has {len(size)} axes"
            raise LayerError(what, "bottom", 1)
        axis = canonical_axis(self.p.axis, x)
        for i, offset in enumerate(self.offsets(x), axis):
            if offset + size[i] > x[i]:
                what = f"the crop of {size[i]} from offset {offset} goes past axis {i} of {show(x)}"
                stated = ("offset", len(self.p.offset) - 1) if offset else ("bottom", 1)
                raise LayerError(what, *stated)
        return ((*x[:axis], *size[axis:]),)

    def offsets(self, x: Shape) -> Shape:
        """Where the cut starts, on each axis from ``axis`` on."""
        axes = len(x) - canonical_axis(self.p.axis, x)
        given = tuple(self.p.offset) or (0,)
        if len(given) not in (1, axes):
            what = f"crop takes one offset, or one for each of {axes} axes, not {len(given)}"
            raise LayerError(what, "offset")
        return given if len(given) == axes else given * axes

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        x = bottoms[0]
        axis = canonical_axis(self.p.axis, x)
        offsets = (*(0,) * axis, *self.offsets(x))[2:]
        ones = (1,) * len(offsets)
        return Reach(ones, ones, tuple(-n for n in offsets), window=())

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, size = bottoms
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        cuts: list[slice] = [slice(None)] * axis
        for i, offset in enumerate(self.offsets(shape), axis):
            stop = size.shape[i]
            cuts.append(slice(offset, offset + stop) if offset else slice(None, stop))
        return x[tuple(cuts)]
