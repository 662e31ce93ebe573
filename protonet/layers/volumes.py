"""Filters over time and space: the window that two layers of C3D's fork have in common."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import Layer, LayerError, Shape, show
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.extent import Extent, positive, refuse_shapes
from protonet.layers.forks import CONVOLUTION, without
from protonet.program import Builder, Expr
from protonet.schema.pool import Message


class VolumeFilters(Layer):
    """A layer whose filters are square in space and of their own size in time."""

    param = "convolution3d_param"
    module: ClassVar[type]
    refuses = without(
        CONVOLUTION,
        *("kernel_depth", "temporal_pad", "temporal_stride", "hole", "hole_h", "hole_w"),
    )

    def param_field(self) -> str:
        older = self.message.HasField("convolution_param")
        return "convolution_param" if older else "convolution3d_param"

    def side(self, field: str, default: int) -> int:
        """A field that one form has once and the other as a list."""
        given = getattr(self.p, field)
        if isinstance(given, int):
            return given if self.has(field) else default
        if len(given) > 1:
            raise LayerError(f"{field} is given {len(given)} times; it takes one", field)
        return int(given[0]) if len(given) else default

    def extent(self) -> Extent:
        """The window over (length, h, w)."""
        p = self.p
        refuse_shapes(p)
        if not p.kernel_depth or not self.side("kernel_size", 0):
            hint = "give kernel_size and kernel_depth"
            raise LayerError("it does not state its window", hint=hint)
        kernel = (p.kernel_depth, *(self.side("kernel_size", 0),) * 2)
        steps = p.temporal_stride if self.has("temporal_stride") else 1
        stride = (steps, *(self.side("stride", 1),) * 2)
        pad = (p.temporal_pad, *(self.side("pad", 0),) * 2)
        positive(stride, p, "stride", "temporal_stride")
        return Extent(kernel, stride, pad, (1, 1, 1))

    def check(self, bottoms: tuple[Shape, ...]) -> Shape:
        """The bottom's shape. LayerError where it is no volume, or the fields make no filters."""
        (x,) = bottoms
        if len(x) != 5:
            raise LayerError(f"it takes 5 axes (n, c, length, h, w), not {show(x)}", "bottom", 0)
        self.check_positive("num_output")
        if self.p.group != 1:
            raise LayerError(f"group {self.p.group} is not supported", "group")
        return x

    def filters(self, x: Shape) -> Shape:
        """The shape of the weight."""
        raise AssertionError(f"{self.type} has no filters")

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        return weight_and_bias(self.p, self.filters(bottoms[0]), (self.p.num_output,))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        extent = self.extent()
        return b.module(
            self.module,
            b.bottoms[0][1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            bias=bool(self.p.bias_term),
        )(*bottoms)


def shaped_extent(p: Message, x: Shape) -> Extent:
    """The window that kernel_shape, stride_shape and pad_shape state, for a bottom's shape.

    LayerError where one has another number of axes than lie behind the channels.
    """
    axes, parts = len(x) - 2, []
    for field, default in (("kernel_shape", None), ("stride_shape", 1), ("pad_shape", 0)):
        given = tuple(int(n) for n in getattr(p, field).dim)
        if not p.HasField(field) and default is not None:
            given = (default,) * axes
        if len(given) != axes:
            what = f"{field} has {len(given)} axes, and {axes} lie behind the channels"
            raise LayerError(what, *([field] if p.HasField(field) else []))
        if field != "pad_shape" and min(given) < 1:
            raise LayerError(f"{field} must be positive, it is {show(given)}", field)
        parts.append(given)
    kernel, stride, pad = parts
    return Extent(kernel, stride, pad, (1,) * axes)
