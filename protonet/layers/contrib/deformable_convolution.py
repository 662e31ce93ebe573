"""DeformableConvolution: filters whose taps are moved by a map of offsets."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import Example, LayerError, Shape, count, register, show
from protonet.layers.extent import Extent, Filters, convolution_extent, convolved
from protonet.program import Builder, Expr, nn, torch
from protonet.schema.pool import Message, message


@register("DeformableConvolution")
class DeformableConvolution(Filters):
    """Cross-correlate the input, interpolated at moved places, with learned filters.

    Images (n, c, h, w) and offsets (n, 2 * deformable_group * taps, h, w), of y and x for each tap,
    to (n, num_output, h, w); what lies outside the image is 0. The gradient of the images is right
    for all of a batch, where the fork's is for its first. Source: DeformableConvolutionLayer of
    unsky's Deformable-ConvNets-caffe.
    """

    param = "deformable_convolution_param"
    bottoms = (2, 2)
    tops = (1, 1)
    refuses: ClassVar[dict[str, str]] = {}
    ignores = ("engine", "force_nd_im2col")
    examples = (
        Example(
            'layer { name: "l" type: "DeformableConvolution" bottom: "x" bottom: "offset" top: "y" '
            "deformable_convolution_param { num_output: 6 kernel_size: 3 pad: 1 "
            "deformable_group: 2 } }",
            {"x": (2, 4, 5, 6), "offset": (2, 36, 5, 6)},
            {"y": (2, 6, 5, 6)},
            "self.l = DeformableConv(4, 6, [3, 3], [1, 1], [1, 1], [1, 1], offsets=2)",
        ),
    )

    def plain(self) -> Message:
        """The window's fields as a ConvolutionParameter has them."""
        own = message("ConvolutionParameter")
        for descriptor, value in self.p.ListFields():
            if descriptor.name.startswith(("kernel", "stride", "pad", "dilation")):
                if isinstance(value, int):
                    setattr(own, descriptor.name, value)
                else:
                    getattr(own, descriptor.name).extend(value)
        return own

    def extent(self, x: Shape) -> Extent:
        return convolution_extent(self.plain(), len(x) - self.axis(x) - 1)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, offset = bottoms
        if len(x) != 4 or self.axis(x) != 1:
            raise LayerError(f"it takes images (n, c, h, w), not {show(x)}", "bottom", 0)
        self.check_channels(x[1], self.p.group)
        extent, groups = self.extent(x), self.p.deformable_group
        if groups < 1 or x[1] % groups:
            what = f"deformable_group {groups} does not divide the {x[1]} input channels"
            raise LayerError(what, *["deformable_group"] * self.has("deformable_group"))
        wanted = (x[0], 2 * groups * count(extent.kernel), *x[2:])
        if offset != wanted:
            what = f"{groups} groups of {show(extent.kernel)} taps take offsets {show(wanted)}"
            raise LayerError(f"{what}, not {show(offset)}", "bottom", 1)
        size = convolved(x[2:], extent)
        if size != x[2:]:
            what = f"its offsets are as large as its input, {show(x[2:])}, and its output is "
            raise LayerError(f"{what}{show(size)}", "kernel_size", hint="pad it to that size")
        return ((x[0], self.p.num_output, *size),)

    def filters(self, x: Shape) -> Shape:
        return (self.p.num_output, x[1] // self.p.group, *self.extent(x).kernel)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, p = b.bottoms[0], self.p
        extent = self.extent(x)
        module = b.module(
            DeformableConv,
            x[1],
            p.num_output,
            *(list(t) for t in (extent.kernel, extent.stride, extent.pad, extent.dilation)),
            groups=p.group,
            offsets=p.deformable_group,
            bias=p.bias_term,
        )
        return module(*bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(tops[0]) * count(self.filters(bottoms[0]), 1)


class DeformableConv(nn.Module):
    """A convolution whose taps are moved by offsets, (n, 2 * offsets * taps, h, w)."""

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel: list[int],
        stride: list[int],
        pad: list[int],
        dilation: list[int],
        groups: int = 1,
        offsets: int = 4,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.pad = kernel, stride, pad
        self.dilation, self.groups, self.offsets = dilation, groups, offsets
        weight = torch.empty(outputs, channels // groups, *kernel)
        self.weight = nn.Parameter(nn.init.kaiming_uniform_(weight))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
        """The output, (n, outputs, h, w)."""
        size = offset.shape[2:]
        moved = offset.reshape(x.shape[0], self.offsets, -1, 2, *size)
        taps = [torch.arange(k, device=x.device) for k in self.kernel]
        grid = torch.meshgrid(*taps, indexing="ij")
        places = []
        for axis in (0, 1):
            start = torch.arange(size[axis], device=x.device) * self.stride[axis]
            view = start.view(-1, 1) if axis == 0 else start.view(1, -1)
            tap = grid[axis].flatten().view(-1, 1, 1) * self.dilation[axis]
            places.append(moved[:, :, :, axis] + (view - self.pad[axis] + tap))
        columns = self.sampled(x, *places).flatten(3)
        columns = columns.reshape(x.shape[0], self.groups, -1, columns.shape[-1])
        weight = self.weight.reshape(self.groups, -1, columns.shape[2])
        y = (weight @ columns).reshape(x.shape[0], -1, *size)
        return y if self.bias is None else y + self.bias[:, None, None]

    def sampled(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        """The image at rows y and columns z, (n, offsets, taps, h, w): (n, c, taps, h, w)."""
        height, width = x.shape[2:]
        inside = (y >= 0) & (z >= 0) & (y < height) & (z < width)
        y, z = y.clamp(max=height - 1), z.clamp(max=width - 1)
        top, left = (v.detach().floor().long().clamp(min=0) for v in (y, z))
        down, across = (y - top)[:, :, None], (z - left)[:, :, None]
        bottom, right = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
        image = x.reshape(x.shape[0], self.offsets, -1, height * width)

        def at(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
            index = (row * width + column)[:, :, None].flatten(3)
            index = index.expand(*image.shape[:3], -1)
            return image.gather(3, index).reshape(*image.shape[:3], *row.shape[2:])

        upper = torch.lerp(at(top, left), at(top, right), across)
        lower = torch.lerp(at(bottom, left), at(bottom, right), across)
        values = torch.where(inside[:, :, None], torch.lerp(upper, lower, down), 0)
        return values.flatten(1, 2)
