"""Upsample: a larger map, by repeating places (YOLO's forks) or by a pooling's mask (SegNet's)."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.unpooling import unpool
from protonet.program import Builder, Expr, F


@register("Upsample")
class Upsample(Layer):
    """Repeat each place ``scale`` times along both axes; with a mask, put each where it was.

    (n, c, ..., h, w) to (n, c, ..., h * scale, w * scale). With the mask of a MAX pooling as
    second bottom, (n, c, h, w) to (n, c, upsample_h, upsample_w), else to scale_h or scale times
    the size, less one with pad_out; zeros elsewhere, and no gradient to the mask.
    Source: UpsampleLayer of eric612's MobileNet-YOLO, and of alexgkendall's caffe-segnet.
    """

    param = "upsample_param"
    bottoms = (1, 2)
    constants = (1,)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "Upsample" bottom: "x" top: "y" upsample_param { scale: 2 } }',
            {"x": (2, 3, 4, 5)},
            {"y": (2, 3, 8, 10)},
            "y = F.interpolate(x, scale_factor=2)",
        ),
        Example(
            'layer { name: "l" type: "Upsample" bottom: "x" bottom: "mask" top: "y" '
            "upsample_param { scale: 2 } }",
            {"x": (2, 3, 4, 5), "mask": (2, 3, 4, 5)},
            {"y": (2, 3, 8, 10)},
            "y = unpool(x, mask, (2 * x.shape[2], 2 * x.shape[3]))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, *mask = bottoms
        if mask:
            return self.masked(x, mask[0])
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        for field in ("scale_h", "scale_w", "pad_out_h", "pad_out_w", "upsample_h", "upsample_w"):
            if self.has(field):
                hint = "SegNet's Upsample has the mask of a pooling as its second bottom"
                raise LayerError(f"{field} takes a second bottom, the mask", field, hint=hint)
        if self.p.scale < 1:
            raise LayerError(f"scale must be positive, not {self.p.scale}", "scale")
        return ((*x[:2], x[2] * self.p.scale, x[3] * self.p.scale),)

    def masked(self, x: Shape, mask: Shape) -> tuple[Shape, ...]:
        """SegNet's shape. Source: its UpsampleLayer::LayerSetUp and Reshape."""
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        if mask != x:
            raise LayerError(f"the mask {show(mask)} has not the shape {show(x)}", "bottom", 1)
        if self.has("upsample_h") and self.has("upsample_w"):
            return ((*x[:2], self.p.upsample_h, self.p.upsample_w),)
        down, across = self.scales()
        for field, scale, pads in (
            ("pad_out_h", down, self.p.pad_out_h),
            ("pad_out_w", across, self.p.pad_out_w),
        ):
            if scale < 2:
                raise LayerError(f"scale must be at least 2, not {scale}")
            if pads and scale != 2:
                raise LayerError(f"{field} takes a scale of 2, not {scale}", field)
        height, width = x[2] * down - self.p.pad_out_h, x[3] * across - self.p.pad_out_w
        return ((*x[:2], height, width),)

    def scales(self) -> tuple[int, int]:
        """By how much height and width grow; SegNet's default is 2."""
        if self.has("scale_h") != self.has("scale_w"):
            field = "scale_h" if self.has("scale_h") else "scale_w"
            raise LayerError("scale_h and scale_w go together", field)
        if self.has("scale_h"):
            return self.p.scale_h, self.p.scale_w
        scale = self.p.scale if self.has("scale") else 2
        return scale, scale

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, *mask = bottoms
        if not mask:
            return b.call(F.interpolate, x, scale_factor=self.p.scale)
        if self.has("upsample_h") and self.has("upsample_w"):
            return b.call(unpool, x, mask[0], b.tops[0][2:])
        height, width = (scale * x.shape[axis] for axis, scale in enumerate(self.scales(), 2))
        size = (
            height - 1 if self.p.pad_out_h else height,
            width - 1 if self.p.pad_out_w else width,
        )
        return b.call(unpool, x, mask[0], size)
