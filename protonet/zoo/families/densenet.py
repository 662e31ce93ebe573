"""DenseNet: every layer of a block sees all layers before it."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Paper, Solver, imagenet, steps
from protonet.zoo.families.residual import conv
from protonet.zoo.writer import NetText

_PAPER = Paper(
    "G. Huang, Z. Liu, L. van der Maaten, K. Weinberger",
    "Densely connected convolutional networks",
    "CVPR",
    2017,
)


def _normalised(net: NetText, name: str, bottom: str) -> str:
    """BatchNorm, Scale and ReLU into a blob of their own: the bottom is needed again."""
    return net.relu(net.norm(name, bottom, top=f"{name}/norm"), f"{name}/relu")


def _layer(net: NetText, at: str, x: str, growth: int) -> str:
    """A bottleneck of 4 times the growth, a 3x3, and the result behind what was there."""
    y = net.conv(f"{at}/1x1", _normalised(net, f"{at}/in", x), 4 * growth, 1, bias=None)
    net.norm(f"{at}/1x1", y)
    y = net.conv(f"{at}/3x3", net.relu(y), growth, 3, bias=None)
    return net.concat(at, [x, y])


def _densenet(net: NetText, depths: tuple[int, ...], growth: int) -> None:
    channels = 2 * growth
    x = conv(net, "conv1", "data", channels, 7, stride=2)
    x = net.pool("pool1", x, "MAX", "kernel_size: 3 stride: 2")
    for block, count in enumerate(depths, start=1):
        for index in range(1, count + 1):
            x = _layer(net, f"dense{block}_{index}", x, growth)
        channels += count * growth
        if block < len(depths):
            channels //= 2
            at = f"transition{block}"
            x = net.conv(f"{at}/1x1", _normalised(net, at, x), channels, 1, bias=None)
            x = net.pool(f"{at}/pool", x, "AVE", "kernel_size: 2 stride: 2")
    net.finish(net.dense("fc1000", net.average("pool5", _normalised(net, "last", x)), 1000))


def _entry(depth: int, depths: tuple[int, ...], growth: int, published: str) -> Entry:
    return Entry(
        name=f"densenet{depth}",
        title=f"DenseNet-{depth}",
        paper=_PAPER,
        shape=(1, 3, 224, 224),
        build=partial(_densenet, depths=depths, growth=growth),
        training=imagenet(32, 224),
        solver=Solver(
            steps(150000, 300000, rate="0.1", extra=('type: "Nesterov"', "iter_size: 8")),
            1000,
            5000,
            450000,
        ),
        published=published,
        source="torchvision's table of models",
        new="A layer takes the outputs of all layers before it in its block, put behind one "
        f"another, and adds {growth} channels of its own (the growth rate): features are used "
        "again instead of made again, so few weights do. A 1x1 convolution before each 3x3 "
        "keeps the cost down, and transitions between blocks halve the channels.",
        recipe="SGD with Nesterov momentum 0.9 and weight decay 0.0001, batches of 256 (eight "
        "times 32 here), 90 epochs; the rate 0.1 falls to a tenth after 30 and 60.",
    )


ENTRIES = (
    _entry(121, (6, 12, 24, 16), 32, "7,978,856"),
    _entry(169, (6, 12, 32, 32), 32, "14,149,480"),
    _entry(201, (6, 12, 48, 32), 32, "20,013,928"),
    _entry(161, (6, 12, 36, 24), 48, "28,681,000"),
)
