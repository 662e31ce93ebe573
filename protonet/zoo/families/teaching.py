"""The small nets of the teaching page: each shows one idea in a few layers."""

from __future__ import annotations

from collections.abc import Callable

from protonet.zoo.families.deeplab import pyramid
from protonet.zoo.families.residual import Blocks, block
from protonet.zoo.families.separable import inverted_residual
from protonet.zoo.writer import NetText, Side

FourAxes = tuple[int, int, int, int]


def _flatten(net: NetText) -> str:
    return net.layer("flat", "Flatten", [net.conv("conv", "data", 64, 3, bias=None)])


def _flatten_head(net: NetText) -> str:
    return net.dense("scores", _flatten(net), 10)


def _average_head(net: NetText) -> str:
    return net.dense(
        "scores", net.average("average", net.conv("conv", "data", 64, 3, bias=None)), 10
    )


def _one(outputs: int, kernel: Side) -> Callable[[NetText], str]:
    return lambda net: net.conv("conv", "data", outputs, kernel, bias=None)


def _bottleneck(net: NetText) -> str:
    x = net.conv("narrow", "data", 128, 1, bias=None)
    return net.conv("widen", net.conv("window", x, 128, 3, bias=None), 512, 1, bias=None)


def _separable(net: NetText) -> str:
    x = net.conv("depthwise", "data", 16, 3, group=16, bias=None)
    return net.conv("pointwise", x, 32, 1, bias=None)


def _factorised(size: int) -> Callable[[NetText], str]:
    def build(net: NetText) -> str:
        x = net.conv("wide", "data", 64, (1, size), bias=None)
        return net.conv("high", x, 64, (size, 1), bias=None)

    return build


# The file's name, what it says of itself, the input, the layers.
TEACHING: tuple[tuple[str, str, FourAxes, Callable[[NetText], str]], ...] = (
    (
        "flatten",
        "A convolution keeps the image; Flatten lays it out in a row.",
        (1, 3, 32, 32),
        _flatten,
    ),
    ("flatten_head", "Scores from every pixel of every map.", (1, 3, 32, 32), _flatten_head),
    ("average_head", "Scores from the average of every map.", (1, 3, 32, 32), _average_head),
    ("bottleneck", "3x3 on a quarter of the channels.", (1, 512, 14, 14), _bottleneck),
    ("bottleneck_direct", "3x3 on all the channels.", (1, 512, 14, 14), _one(512, 3)),
    ("separable", "One window a channel, then a mix of the channels.", (1, 16, 32, 32), _separable),
    ("separable_direct", "Windows over all the channels.", (1, 16, 32, 32), _one(32, 3)),
    ("window_1x7_7x1", "7x7 in two steps.", (1, 64, 17, 17), _factorised(7)),
    ("window_7x7", "7x7 at once.", (1, 64, 17, 17), _one(64, 7)),
    ("window_1x3_3x1", "3x3 in two steps.", (1, 64, 17, 17), _factorised(3)),
    ("window_3x3", "3x3 at once.", (1, 64, 17, 17), _one(64, 3)),
    (
        "residual",
        "Wide ends, narrow inside, and the input added.",
        (1, 256, 14, 14),
        lambda net: block(net, "res", "data", Blocks(bottleneck=True), 64),
    ),
    (
        "inverted_residual",
        "Narrow ends, wide inside, and the input added.",
        (1, 24, 56, 56),
        lambda net: inverted_residual(net, "block", "data", 24, 24, 6),
    ),
    (
        "aspp",
        "One point, three rates and the whole image, side by side.",
        (1, 512, 33, 33),
        lambda net: pyramid(net, "data", (6, 12, 18)),
    ),
)


def texts() -> dict[str, str]:
    """The prototxt of each teaching net by its file's name."""
    made = {}
    for name, about, shape, build in TEACHING:
        net = NetText(name, shape, None, about)
        build(net)
        made[f"{name}.prototxt"] = net.text()
    return made
