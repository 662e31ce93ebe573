"""Convolution over more spatial axes than torch has: sums of what it has."""

from __future__ import annotations

from protonet.program import F, nn, torch


class ConvNd(nn.Module):
    """A convolution, or a transposed one, over any number of spatial axes from three on."""

    def __init__(
        self,
        shape: list[int],
        outputs: int,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        groups: int = 1,
        bias: bool = True,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.transposed = transposed
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if x.dim() == self.weight.dim() else x.unsqueeze(0)
        window = (self.stride, self.padding, self.dilation, self.groups)
        y = (spread if self.transposed else convolve)(y, self.weight, *window)
        if self.bias is not None:
            y = y + self.bias.reshape(-1, *[1] * (y.dim() - 2))
        return y if x.dim() == y.dim() else y.squeeze(0)


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> torch.Tensor:
    """The sum over the taps of the first axis of convolutions over the others."""
    if weight.dim() == 5:
        return F.conv3d(x, weight, None, stride, padding, dilation, groups)
    x = F.pad(x, [0, 0] * (x.dim() - 3) + [padding[0]] * 2)
    steps = (x.shape[2] - dilation[0] * (weight.shape[2] - 1) - 1) // stride[0] + 1
    rest = (stride[1:], padding[1:], dilation[1:], groups)
    taps = []
    for tap in range(weight.shape[2]):
        first = tap * dilation[0]
        seen = x[:, :, first : first + (steps - 1) * stride[0] + 1 : stride[0]]
        flat = seen.transpose(1, 2).flatten(0, 1)
        taps.append(convolve(flat, weight[:, :, tap], *rest))
    total = torch.stack(taps).sum(0)
    return total.reshape(-1, steps, *total.shape[1:]).transpose(1, 2)


def spread(
    x: torch.Tensor,
    weight: torch.Tensor,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
) -> torch.Tensor:
    """Convolve with the filters turned round, after zeros are put between the elements."""
    axes = range(2, weight.dim())
    pads: list[int] = []
    for axis, s, p, d in zip(axes, stride, padding, dilation, strict=True):
        last = s * (x.shape[axis] - 1) + 1
        x = F.pad(x.unsqueeze(axis + 1), [0, 0] * (x.dim() - 1 - axis) + [0, s - 1])
        x = x.flatten(axis, axis + 1).narrow(axis, 0, last)
        reach = d * (weight.shape[axis] - 1) - p
        pads = [reach, reach, *pads]
    turned = weight.flip(list(axes)).reshape(groups, -1, *weight.shape[1:])
    turned = turned.transpose(1, 2).flatten(0, 1)
    ones, zeros = [1] * len(axes), [0] * len(axes)
    return convolve(F.pad(x, pads), turned, ones, zeros, dilation, groups)
