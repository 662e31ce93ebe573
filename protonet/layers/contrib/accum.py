"""Accum: maps of several sizes in the largest, side by side, of FlowNet's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, F, torch


@register("Accum")
class Accum(Layer):
    """Resize every bottom bilinearly, corner to corner, and put their channels side by side.

    The size is the last bottom's with have_reference, which is not taken in itself; else
    the next multiple of size_divisible_by, or top_height and top_width, where both are more than
    the largest bottom, which it is otherwise. Source: FlowNet2's AccumLayer.
    """

    param = "accum_param"
    bottoms = (1, None)
    kind = "join"
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Accum" bottom: "x" bottom: "like" top: "y" '
            "accum_param { have_reference: true } }",
            {"x": (1, 2, 3, 4), "like": (1, 3, 12, 16)},
            {"y": (1, 2, 12, 16)},
            'y = F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)',
        ),
        Example(
            'layer { name: "l" type: "Accum" bottom: "a" bottom: "b" top: "y" '
            "accum_param { size_divisible_by: 8 } }",
            {"a": (1, 2, 6, 6), "b": (1, 3, 3, 3)},
            {"y": (1, 5, 8, 8)},
            'l_1 = F.interpolate(a, (8, 8), mode="bilinear", align_corners=True)',
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, shape in enumerate(bottoms):
            if len(shape) != 4 or shape[0] != bottoms[0][0]:
                what = (
                    f"it takes (n, c, h, w) of one batch, not {show(bottoms[0])} and {show(shape)}"
                )
                raise LayerError(what, "bottom", index)
        taken = bottoms[:-1] if self.p.have_reference else bottoms
        if not taken:
            raise LayerError("have_reference needs a second bottom", "have_reference")
        size = self.size(bottoms)
        for index, x in enumerate(taken):
            if x[2:] != size and min(*x[2:], *size) < 2:
                what = f"{show(x[2:])} to {show(size)}: the fork divides by zero for a side of 1"
                raise LayerError(what, "bottom", index)
        return ((bottoms[0][0], sum(x[1] for x in taken), *size),)

    def size(self, bottoms: tuple[Shape, ...]) -> Shape:
        """Height and width of the top. Source: AccumLayer::Reshape."""
        if self.p.have_reference:
            return bottoms[-1][2:]
        largest = (max(x[2] for x in bottoms), max(x[3] for x in bottoms))
        wanted = (self.p.top_height, self.p.top_width)
        if self.has("size_divisible_by"):
            self.check_positive("size_divisible_by")
            by = self.p.size_divisible_by
            wanted = (math.ceil(largest[0] / by) * by, math.ceil(largest[1] / by) * by)
        larger = wanted[0] > largest[0] and wanted[1] > largest[1]
        return wanted if larger else largest

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        taken = bottoms[:-1] if self.p.have_reference else bottoms
        size = bottoms[-1].shape[2:] if self.p.have_reference else b.tops[0][2:]
        options = {"mode": "bilinear", "align_corners": True}
        resized = [
            x if shape[2:] == b.tops[0][2:] else b.call(F.interpolate, x, size, **options)
            for x, shape in zip(taken, b.bottoms, strict=False)
        ]
        if len(resized) == 1:
            return resized[0]
        named = [
            x if x is given else b.let(str(number), x)
            for number, (x, given) in enumerate(zip(resized, taken, strict=True), 1)
        ]
        return b.call(torch.cat, named, 1)
