"""Interp: resize images bilinearly, corner to corner."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, F, wrap
from protonet.schema.pool import Message


@register("Interp")
class Interp(Layer):
    """Resize bilinearly so that the corner pixels stay where they are.

    The size is height and width, or follows from shrink_factor and zoom_factor, or is that of
    the second bottom with use_blob_size. pad_beg and pad_end, at most 0, cut the edges off
    before. (n, c, h, w) to (n, c, h', w'). With crop_odd, as in a net with a BinaryPngWrite or a
    VisualSaliency layer, or where the net does not fit together without, factors multiply the
    size itself; where the height is odd the last row and column are left out before and the
    result has one more.
    Source: InterpLayer of DeepLab's, PSPNet's and Kinpzz's Caffe forks, caffe_cpu_interp2.
    """

    param = "interp_param"
    bottoms = (1, 2)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "interp" type: "Interp" bottom: "x" top: "y" '
            "interp_param { height: 60 width: 90 } }",
            {"x": (2, 3, 8, 12)},
            {"y": (2, 3, 60, 90)},
            'y = F.interpolate(x, (60, 90), mode="bilinear", align_corners=True)',
        ),
        Example(
            'layer { name: "interp" type: "Interp" bottom: "x" top: "y" '
            "interp_param { zoom_factor: 8 } }",
            {"x": (2, 3, 8, 12)},
            {"y": (2, 3, 57, 89)},
            "interp_size = ((x.shape[2] - 1) * 8 + 1, (x.shape[3] - 1) * 8 + 1)",
        ),
        Example(
            'layer { name: "interp" type: "Interp" bottom: "x" bottom: "like" top: "y" '
            "interp_param { use_blob_size: true } }",
            {"x": (2, 3, 8, 12), "like": (2, 5, 10, 20)},
            {"y": (2, 3, 10, 20)},
            'y = F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)',
        ),
        Example(
            'layer { name: "interp" type: "Interp" bottom: "x" top: "y" '
            "interp_param { zoom_factor: 2 crop_odd: true } }",
            {"x": (2, 3, 9, 12)},
            {"y": (2, 3, 17, 23)},
            'y = F.interpolate(interp_inner, (17, 23), mode="bilinear", align_corners=True)',
        ),
    )

    @classmethod
    def otherwise(cls, message: Message) -> tuple[Message, str] | None:
        p = message.interp_param
        if p.HasField("crop_odd") or p.use_blob_size or len(message.bottom) > 1:
            return None
        other: Any = type(message)()
        other.CopyFrom(message)
        other.interp_param.crop_odd = True
        return other, "Kinpzz's with crop_odd"

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        for field in ("pad_beg", "pad_end"):
            if getattr(self.p, field) > 0:
                what = f"{field} {getattr(self.p, field)} would pad, and it can only cut off"
                raise LayerError(what, field, hint="give 0 or a negative number")
        for field in ("shrink_factor", "zoom_factor"):
            if getattr(self.p, field) < 1:
                raise LayerError(f"{field} must be positive", field)
        cut = self.p.pad_beg + self.p.pad_end
        size = (x[2] + cut, x[3] + cut)
        if min(size) < 1:
            what = f"pad_beg and pad_end leave {show(size)} of {show(x[2:])}"
            raise LayerError(what, "pad_beg" if self.p.pad_beg else "pad_end")
        return ((*x[:2], *self.resized(size, bottoms)),)

    def resized(self, size: Shape, bottoms: tuple[Shape, ...]) -> Shape:
        """Height and width of the top. Source: InterpLayer::Reshape."""
        if self.p.use_blob_size:
            if self.p.crop_odd:
                what = "crop_odd and use_blob_size are of two forks"
                raise LayerError(what, "crop_odd", hint="crop_odd: false takes it for PSPNet's")
            if len(bottoms) < 2 or len(bottoms[1]) != 4:
                what = "use_blob_size needs a second bottom of 4 axes to take the size from"
                raise LayerError(what, "use_blob_size")
            return bottoms[1][2:]
        if len(bottoms) > 1:
            what = "a second bottom has a meaning with use_blob_size: true only"
            raise LayerError(what, "bottom", 1)
        if self.p.crop_odd:
            return self.cropped(size)
        if not self.scales():
            return self.given()
        return tuple(self.scaled(n) for n in size)

    def cropped(self, size: Shape) -> Shape:
        """Kinpzz's sizes: the height's parity counts for both. Source: InterpLayer::Reshape."""
        odd = size[0] % 2
        if min(size) <= odd:
            raise LayerError(f"crop_odd leaves nothing of {show(size)}", "crop_odd")
        if not self.scales():
            height, width = self.given()
            return height + odd, width + odd
        shrink, zoom = int(self.p.shrink_factor), int(self.p.zoom_factor)
        found = tuple((n - odd) // shrink * zoom + odd for n in size)
        if min(found) < 1:
            what = f"shrink_factor {shrink} leaves nothing of {show(size)}"
            raise LayerError(what, "shrink_factor")
        return found

    def scales(self) -> bool:
        """Whether factors say the size; height and width give way to one alone, not to both."""
        factors = self.has("shrink_factor") + self.has("zoom_factor")
        sized = self.has("height") and self.has("width")
        return factors == 1 or (factors == 2 and not sized)

    def given(self) -> Shape:
        """The height and width as stated."""
        for field in ("height", "width"):
            if not self.has(field):
                hint = "give height and width, zoom_factor or shrink_factor"
                raise LayerError("it does not say a size", hint=hint)
            if getattr(self.p, field) < 1:
                raise LayerError(f"{field} must be positive", field)
        return self.p.height, self.p.width

    def scaled(self, size: int) -> int:
        """One side after both factors."""
        shrunk = (size - 1) // int(self.p.shrink_factor) + 1
        return (shrunk - 1) * int(self.p.zoom_factor) + 1

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = bottoms[0]
        first, last = -self.p.pad_beg, self.p.pad_end
        if self.p.crop_odd:
            last -= (b.bottoms[0][2] + self.p.pad_beg + self.p.pad_end) % 2
        if first or last:
            inner = slice(first or None, last or None)
            x = b.let("inner", x[..., inner, inner])
        size = self.size(b, x, bottoms)
        return b.call(F.interpolate, x, size, mode="bilinear", align_corners=True)

    def size(self, b: Builder, x: Expr, bottoms: tuple[Expr, ...]) -> Expr:
        """Height and width of the top, computed where factors say them."""
        if self.p.use_blob_size:
            return bottoms[1].shape[2:]
        if self.p.crop_odd:
            return wrap(b.tops[0][2:])
        if not self.scales():
            return wrap(self.given())
        sides = [x.shape[axis] - 1 for axis in (2, 3)]
        if self.p.shrink_factor > 1:
            sides = [side // self.p.shrink_factor for side in sides]
        if self.p.zoom_factor > 1:
            sides = [side * self.p.zoom_factor for side in sides]
        return b.let("size", tuple(side + 1 for side in sides))
