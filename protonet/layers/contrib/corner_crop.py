"""CornerCrop: a map's corners and its middle, of SplitNet's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr

_PLACES = ("center", "upperleft", "upperright", "lowerleft", "lowerright")


@register("CornerCrop")
class CornerCrop(Layer):
    """Cut a window at each stated position; an even number of rows and columns is left around.

    (n, c, h, w) to (n, c, crop_h, crop_w) for each top. The gradient is that of all windows; the
    fork's divides it by how many have a pixel. Source: CornerCropLayer of ZJULearning's SplitNet.
    """

    param = "corner_crop_param"
    tops = (1, None)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "CornerCrop" bottom: "x" top: "a" top: "b" '
            'corner_crop_param { crop_size: 4 position: "upperright" position: "center" } }',
            {"x": (2, 3, 6, 8)},
            {"a": (2, 3, 4, 4), "b": (2, 3, 4, 4)},
            "b = x[..., 1:5, 2:6]",
        ),
    )

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the window."""
        if self.has("crop_size"):
            return self.p.crop_size, self.p.crop_size
        return self.p.crop_h, self.p.crop_w

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        rest = [n - k for n, k in zip(x[2:], self.size, strict=True)]
        if min(rest) < 1 or min(self.size) < 1 or any(r % 2 for r in rest):
            what = f"a window of {self.size[0]}x{self.size[1]} in {x[2]}x{x[3]}"
            raise LayerError(f"{what} leaves no even number of rows and columns")
        if len(self.p.position) != len(self.message.top):
            what = f"{len(self.message.top)} tops take as many position"
            raise LayerError(f"{what}, not {len(self.p.position)}")
        for index, place in enumerate(self.p.position):
            if place not in _PLACES:
                what = f"position is one of {', '.join(_PLACES)}, not {place!r}"
                raise LayerError(what, "position", index)
        return ((*x[:2], *self.size),) * len(self.message.top)

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        (x,) = bottoms
        height, width = self.size
        rest = [n - k for n, k in zip(b.bottoms[0][2:], self.size, strict=True)]
        cut = []
        for place in self.p.position:
            share = (0.5, 0.5) if place == "center" else ("lower" in place, "right" in place)
            top, left = (int(r * s) for r, s in zip(rest, share, strict=True))
            cut.append(x[..., top : top + height, left : left + width])
        return tuple(cut)
