"""Padding: zeros around images, or their edges cut off."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, F


@register("Padding")
class Padding(Layer):
    """Add pad_beg rows and columns of zeros before and pad_end after; negative ones are cut off.

    (n, c, h, w) to (n, c, h + pad_beg + pad_end, w + pad_beg + pad_end). Source: PaddingLayer of
    DeepLab's Caffe fork, in its first release.
    """

    param = "padding_param"
    bottoms = (1, 1)
    keeps = ()
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Padding" bottom: "x" top: "y" '
            "padding_param { pad_beg: -1 pad_end: -2 } }",
            {"x": (2, 3, 8, 7)},
            {"y": (2, 3, 5, 4)},
            "y = x[..., 1:-2, 1:-2]",
        ),
        Example(
            'layer { name: "l" type: "Padding" bottom: "x" top: "y" '
            "padding_param { pad_beg: 1 pad_end: 2 } }",
            {"x": (2, 3, 8, 7)},
            {"y": (2, 3, 11, 10)},
            "y = F.pad(x, (1, 2, 1, 2))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        first, last = self.p.pad_beg, self.p.pad_end
        if first * last < 0:
            what = f"pad_beg {first} and pad_end {last} add and cut off at once"
            raise LayerError(what, "pad_end", hint="a Crop or two layers do both")
        size = (x[2] + first + last, x[3] + first + last)
        if min(size) < 1:
            what = f"pad_beg {first} and pad_end {last} leave nothing of {x[2]}x{x[3]}"
            raise LayerError(what, "pad_beg" if first else "pad_end")
        return ((*x[:2], *size),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        first, last = self.p.pad_beg, self.p.pad_end
        if first < 0 or last < 0:
            inner = slice(-first or None, last or None)
            return x[..., inner, inner]
        return b.call(F.pad, x, (first, last, first, last)) if first or last else x
