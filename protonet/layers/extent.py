"""Windows over spatial axes, the axes a blob covers, and the sizes that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from protonet.layers.base import MOST, Layer, LayerError, Reach, Shape, canonical_axis, show
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.forks import CONVOLUTION, WAYS
from protonet.layers.many_axes import ConvNd, convolve, spread
from protonet.program import Builder, Expr
from protonet.schema.pool import Message


@dataclass(frozen=True)
class Extent:
    """A window over the spatial axes, one number an axis."""

    kernel: Shape
    stride: Shape
    pad: Shape
    dilation: Shape

    def reach(self, upward: bool = False) -> Reach:
        """What an element of the top sees through the window."""
        both = zip(self.kernel, self.dilation, strict=True)
        span = tuple(d * (k - 1) + 1 for k, d in both)
        return Reach(span, self.stride, self.pad, upward, self.kernel)


def convolution_extent(p: Message, axes: int) -> Extent:
    """The window of a ConvolutionParameter. Source: BaseConvolutionLayer::LayerSetUp."""
    refuse_shapes(p)
    kernel = _one_of(p, "kernel_size", "kernel_h", "kernel_w", axes, None)
    stride = _one_of(p, "stride", "stride_h", "stride_w", axes, 1)
    pad = _one_of(p, "pad", "pad_h", "pad_w", axes, 0)
    dilation = _one_of(p, "dilation", "dilation_h", "dilation_w", axes, 1)
    positive(kernel, p, "kernel_size", "kernel_h", "kernel_w")
    positive(stride, p, "stride", "stride_h", "stride_w")
    positive(dilation, p, "dilation", "dilation_h", "dilation_w")
    return Extent(kernel, stride, pad, dilation)


def refuse_shapes(p: Message) -> None:
    """LayerError where a window is stated as the types of any number of axes state it."""
    for field in ("kernel_shape", "stride_shape", "pad_shape"):
        if field in p.DESCRIPTOR.fields_by_name and p.HasField(field):
            what = f"{field} is of the types NdConvolution and NdPooling"
            raise LayerError(what, field, hint=f"write {field.removesuffix('_shape')} fields")


def convolution_numbers(p: Message) -> tuple[str, ...]:
    """What a person says of a ConvolutionParameter besides its window."""
    outputs = (str(p.num_output),) if p.num_output else ()
    groups = (f"{p.group} groups",) if p.group > 1 else ()
    dilated = any(d > 1 for d in p.dilation)
    holes = (f"dilation {'×'.join(map(str, p.dilation))}",) if dilated else ()
    return outputs + groups + holes


def positive(sizes: Shape, p: Message, *fields: str) -> None:
    """LayerError at the one of these fields that is stated, unless a size is 1 to 2147483647."""
    if any(not 1 <= n <= MOST for n in sizes):
        stated = [f for f in fields if any(d.name == f for d, _ in p.ListFields())]
        limit = "positive" if any(n < 1 for n in sizes) else f"at most {MOST}"
        what = f"{fields[0]} must be {limit}, not {show(sizes)}"
        raise LayerError(what, (stated or fields)[0])


def _one_of(p: Message, name: str, high: str, wide: str, axes: int, default: int | None) -> Shape:
    split = high if p.HasField(high) else wide
    if not p.HasField(split):
        return _per_axis(list(getattr(p, name)), name, axes, default)
    if len(getattr(p, name)):
        raise LayerError(f"{name} is given as well as {split}; it takes one kind", split)
    if axes != 2:
        raise LayerError(f"{high} and {wide} are for 2 spatial axes, there are {axes}", split)
    return getattr(p, high), getattr(p, wide)


def _per_axis(given: list[int], name: str, axes: int, default: int | None) -> Shape:
    if not given and (default is not None or axes == 0):
        return (default or 0,) * axes
    if not given:
        raise LayerError(f"it has no {name}", hint=f"give {name} once, or once for each axis")
    if len(given) not in (1, axes):
        raise LayerError(
            f"{name} is given {len(given)} times; it takes one, or one for each of the "
            f"{axes} spatial axes",
            name,
        )
    return tuple(given) if len(given) == axes else (given[0],) * axes


def convolved(size: Shape, extent: Extent) -> Shape:
    """Spatial sizes after a convolution. Source: ConvolutionLayer::compute_output_shape.

    It divides as C++ does, towards zero: a window that lacks less than a stride counts once.
    """
    out = []
    windows = zip(size, extent.kernel, extent.stride, extent.pad, extent.dilation, strict=True)
    for n, k, s, p, d in windows:
        reach = d * (k - 1) + 1
        if n + 2 * p - reach <= -s:
            raise LayerError(
                f"a window of {reach} does not fit into the padded input of {n + 2 * p}",
                "kernel_size",
                hint=f"the input is {show(size)}, the kernel {show(extent.kernel)}",
            )
        out.append(max(0, n + 2 * p - reach) // s + 1)
    return tuple(out)


def lacking(size: Shape, extent: Extent) -> list[int]:
    """What F.pad adds behind each axis, so that a window larger than the input fits in once."""
    parts = zip(size, extent.kernel, extent.pad, extent.dilation, strict=True)
    lacks = [max(0, d * (k - 1) + 1 - n - 2 * p) for n, k, p, d in parts]
    return [n for lack in reversed(lacks) for n in (0, lack)] if any(lacks) else []


def spread_sizes(size: Shape, extent: Extent) -> Shape:
    """Spatial sizes after a deconvolution. Source: DeconvolutionLayer::compute_output_shape."""
    parts = zip(size, extent.kernel, extent.stride, extent.pad, extent.dilation, strict=True)
    out = tuple(s * (n - 1) + d * (k - 1) + 1 - 2 * p for n, k, s, p, d in parts)
    if any(n < 1 for n in out):
        raise LayerError(f"pad {show(extent.pad)} takes away all of the output", "pad")
    return out


def covered(x: Shape, axis: int, num_axes: int) -> Shape:
    """The shape of a parameter over ``num_axes`` axes of a blob, -1 for all from ``axis`` on."""
    if num_axes < -1:
        raise LayerError(f"num_axes must be at least -1, not {num_axes}", "num_axes")
    start = canonical_axis(axis, x)
    if start + num_axes > len(x):
        what = f"num_axes {num_axes} from axis {start} goes past the {len(x)} axes of {show(x)}"
        raise LayerError(what, "num_axes")
    return x[start:] if num_axes == -1 else x[start : start + num_axes]


def trailing(x: Shape, factor: Shape, axis: int) -> int:
    """How many axes of a blob follow those that the second bottom covers. ScaleLayer::Reshape."""
    start = canonical_axis(axis, x) if factor else 0
    if x[start : start + len(factor)] != factor:
        what = f"the shape {show(factor)} is not that of the first bottom, {show(x)}"
        raise LayerError(f"{what}, from axis {start} on", "bottom", 1)
    return len(x) - start - len(factor)


class Filters(Layer):
    """What both directions of convolution share. Source: Caffe's BaseConvolutionLayer."""

    param = "convolution_param"
    bottoms: ClassVar[tuple[int, int | None]] = (1, None)
    tops: ClassVar[tuple[int, int | None]] = (1, None)
    backward_reads = ("bottoms",)
    refuses = CONVOLUTION
    ignores: ClassVar[tuple[str, ...]] = WAYS
    modules: ClassVar[tuple[type, ...]] = ()
    transposes: ClassVar[bool] = False

    def axis(self, x: Shape) -> int:
        """The channel axis; those before it are the batch."""
        return canonical_axis(self.p.axis, x)

    def extent(self, x: Shape) -> Extent:
        """The window over the axes that follow the channels."""
        return convolution_extent(self.p, len(x) - self.axis(x) - 1)

    def group(self, x: Shape) -> int:
        """How many groups the channels fall into."""
        return int(self.p.group)

    def numbers(self) -> tuple[str, ...]:
        return convolution_numbers(self.p)

    def check(self, bottoms: tuple[Shape, ...]) -> None:
        """LayerError where BaseConvolutionLayer refuses."""
        x, tops = bottoms[0], len(self.message.top)
        if len(bottoms) != tops:
            raise LayerError(f"{len(bottoms)} bottoms need as many tops, not {tops}", "top")
        self.check_channels(x[self.axis(x)], self.group(x))
        for index, other in enumerate(bottoms):
            if other != x:
                what = f"all bottoms must have the same shape, {show(x)}, not {show(other)}"
                raise LayerError(what, "bottom", index)

    def check_channels(self, channels: int, group: int) -> None:
        """LayerError where the channels do not divide as the fields say."""
        self.check_positive("num_output")
        if group < 1 or channels % group:
            what = f"group {group} does not divide the {channels} input channels"
            raise LayerError(what, "group")
        if self.p.num_output % group:
            what = f"group {group} does not divide num_output {self.p.num_output}"
            raise LayerError(what, "group")

    def filters(self, x: Shape) -> Shape:
        """The shape of the weight."""
        raise AssertionError(f"{self.type} has no filters")

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        x = bottoms[0]
        weight = self.filters(x)
        lone = len(weight) == 2 and (self.group(x) > 1 or self.transposes)
        held = (*weight, 1) if lone else None
        return weight_and_bias(self.p, weight, (self.p.num_output,), held=held)

    def module(self, b: Builder) -> Expr:
        """Torch's convolution over as many axes, over one where Caffe has none."""
        shape = b.bottoms[0]
        channels, extent = shape[self.axis(shape)], self.extent(shape)
        window: dict[str, Any] = {}
        if extent.kernel:
            window = {"stride": extent.stride, "padding": extent.pad, "dilation": extent.dilation}
        shared = {"groups": self.group(shape), "bias": self.p.bias_term}
        if len(extent.kernel) > len(self.modules):
            for helper in (convolve, spread):
                b.helper(helper)
            weight, *lists = (list(t) for t in (self.filters(shape), *window.values()))
            more = {**shared, "transposed": self.transposes}
            return b.module(ConvNd, weight, self.p.num_output, *lists, **more)
        cls = self.modules[max(0, len(extent.kernel) - 1)]
        kernel = extent.kernel or 1
        return b.module(cls, channels, self.p.num_output, kernel, **window, **shared)

    def applied(self, b: Builder, module: Expr, *bottoms: Expr) -> tuple[Expr, ...]:
        """The module on each bottom, all axes before the channels as one."""
        shape = b.bottoms[0]
        axis = self.axis(shape)
        lone = axis == len(shape) - 1
        tops = []
        for x in bottoms:
            y = x.flatten(0, axis - 1) if axis > 1 else x
            y = module(y.unsqueeze(-1)).squeeze(-1) if lone else module(y)
            tops.append(y.unflatten(0, x.shape[:axis]) if axis > 1 else y)
        return tuple(tops)
