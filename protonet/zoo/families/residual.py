"""Residual blocks and their shortcuts: what ResNet, ResNeXt and DeepLabv3 are made of."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.zoo.writer import NetText, Side


@dataclass(frozen=True)
class Blocks:
    """How the blocks of a net are made.

    ``shortcut`` says what goes around a block where its channels grow: "projection" (1x1
    convolution), "padding" (zeros for the new channels, nothing learned) or "none", which leaves
    out every shortcut. ``group`` and ``inner`` (channels of the 3x3 in the first stage) are
    ResNeXt's; there the 3x3 has the stride, in ResNet the 1x1 before it.
    """

    bottleneck: bool = False
    shortcut: str = "projection"
    group: int = 1
    inner: int = 64


def conv(
    net: NetText,
    name: str,
    bottom: str,
    outputs: int,
    kernel: Side,
    *,
    stride: int = 1,
    group: int = 1,
    dilation: int = 1,
    rectify: bool = True,
) -> str:
    """Add a convolution without bias, its BatchNorm and Scale, and a ReLU."""
    x = net.conv(
        name, bottom, outputs, kernel, stride=stride, group=group, dilation=dilation, bias=None
    )
    net.norm(name, x)
    return net.relu(x) if rectify else x


def _padded(net: NetText, at: str, x: str, stride: int) -> str:
    """Every second pixel, and as many channels again of zeros: option A of the paper."""
    if stride > 1:
        window = f"kernel_size: 1 stride: {stride} round_mode: FLOOR"
        x = net.pool(f"{at}_sampled", x, "MAX", window)
    zeros = net.layer(f"{at}_zeros", "Power", [x], param="power", fields=["scale: 0"])
    return net.concat(f"{at}_shortcut", [x, zeros])


def block(
    net: NetText,
    at: str,
    x: str,
    blocks: Blocks,
    width: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    grows: bool = False,
) -> str:
    """Add one block; ``width`` are the channels of its 3x3, ``grows`` says its output has more."""
    outputs = 4 * width * 64 // blocks.inner if blocks.bottleneck else width
    shortcut = x
    if grows and blocks.shortcut == "projection":
        shortcut = conv(net, f"{at}_shortcut", x, outputs, 1, stride=stride, rectify=False)
    elif grows and blocks.shortcut == "padding":
        shortcut = _padded(net, at, x, stride)
    if blocks.bottleneck:
        first, second = (stride, 1) if blocks.group == 1 else (1, stride)
        y = conv(net, f"{at}_1x1_in", x, width, 1, stride=first)
        y = conv(
            net, f"{at}_3x3", y, width, 3, stride=second, group=blocks.group, dilation=dilation
        )
        y = conv(net, f"{at}_1x1_out", y, outputs, 1, rectify=False)
    else:
        y = conv(net, f"{at}_a", x, width, 3, stride=stride)
        y = conv(net, f"{at}_b", y, width, 3, rectify=False)
    if blocks.shortcut != "none":
        y = net.add(at, [shortcut, y])
    return net.relu(y)


def letter(index: int, count: int) -> str:
    """A block's name within its stage: a, b, c, or a, b1, b2 where a stage has many."""
    if count <= 8:
        return chr(ord("a") + index)
    return f"b{index}" if index else "a"
