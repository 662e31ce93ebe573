"""ResNet for ImageNet, with shortcuts by projection, by zero padding, and without any."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Paper, Solver, imagenet, steps
from protonet.zoo.families.residual import Blocks, block, conv, letter
from protonet.zoo.writer import NetText

PAPER = Paper(
    "K. He, X. Zhang, S. Ren, J. Sun", "Deep residual learning for image recognition", "CVPR", 2016
)
AGGREGATED = Paper(
    "S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He",
    "Aggregated residual transformations for deep neural networks",
    "CVPR",
    2017,
)
BASIC, BOTTLENECK = Blocks(), Blocks(bottleneck=True)
_DEPTHS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def _resnet(net: NetText, depths: tuple[int, ...], blocks: Blocks) -> None:
    x = conv(net, "conv1", "data", 64, 7, stride=2)
    x = net.pool("pool1", x, "MAX", "kernel_size: 3 stride: 2")
    for stage, count in enumerate(depths):
        for index in range(count):
            stride = 2 if stage and not index else 1
            grows = not index and (stage > 0 or blocks.bottleneck)
            at = f"res{stage + 2}{letter(index, count)}"
            width = blocks.inner << stage
            x = block(net, at, x, blocks, width, stride=stride, grows=grows)
    net.finish(net.dense("fc1000", net.average("pool5", x), 1000))


_SOLVER = Solver(
    steps(150000, 300000, 450000, rate="0.1", extra=("iter_size: 8",)), 1000, 5000, 600000
)
_RECIPE = (
    "SGD with momentum 0.9 and weight decay 0.0001, batches of 256 (eight times 32 here, by "
    "iter_size; BatchNorm then sees 32, as on one of the paper's GPUs); the rate starts at 0.1 "
    "and falls to a tenth when the error stops falling, 600,000 iterations in all. Short sides "
    "between 256 and 480, crops of 224, mirrors, no dropout. Weights start after He et al. (msra)."
)
_NEW = (
    "Blocks learn what to add to their input rather than a new output: the gradient finds a way "
    "past every block, and the deeper net is the better one."
)
_PROJECTED = (
    "Where the channels grow, a 1x1 convolution projects the shortcut (option B); elsewhere it "
    "is the input itself."
)
_TORCH = "torchvision's table of models"


def _entry(
    name: str,
    title: str,
    build: partial[None],
    published: str,
    source: str,
    new: str,
    differs: str = "",
) -> Entry:
    return Entry(
        name=name,
        title=title,
        paper=PAPER,
        shape=(1, 3, 224, 224),
        build=build,
        training=imagenet(32, 224),
        solver=_SOLVER,
        published=published,
        source=source,
        new=new,
        recipe=_RECIPE,
        differs=differs,
    )


def _projected(depth: int, published: str) -> Entry:
    blocks = BOTTLENECK if depth >= 50 else BASIC
    kind = "two 3x3 convolutions"
    if depth >= 50:
        kind = "1x1, 3x3 and 1x1: a bottleneck, a quarter as wide inside"
    return _entry(
        f"resnet{depth}",
        f"ResNet-{depth}",
        partial(_resnet, depths=_DEPTHS[depth], blocks=blocks),
        published,
        f"{_TORCH}, BatchNorm's scale and shift counted",
        f"{_NEW} A block is {kind}. {_PROJECTED}",
        differs="The 1x1 before the 3x3 has the stride, as in the paper; many later "
        "implementations give it to the 3x3, with the same counts."
        if depth >= 50
        else "",
    )


def _plain(depth: int, published: str, projections: str) -> Entry:
    return _entry(
        f"plain{depth}",
        f"Plain-{depth}",
        partial(_resnet, depths=_DEPTHS[depth], blocks=Blocks(shortcut="none")),
        published,
        f"ResNet-{depth}'s count less its projections ({projections})",
        f"ResNet-{depth} without its shortcuts: the net to compare with. Of the plain nets the "
        "deeper one has the higher training error, which is what the paper starts from.",
    )


def _padded(depth: int, published: str) -> Entry:
    return _entry(
        f"resnet{depth}_padded",
        f"ResNet-{depth} padded",
        partial(_resnet, depths=_DEPTHS[depth], blocks=Blocks(shortcut="padding")),
        published,
        f"ResNet-{depth}'s count less its projections, which are Plain-{depth}'s",
        f"ResNet-{depth} with shortcuts that learn nothing (option A): every second pixel, and "
        "zeros for the channels that are new. The gain over the plain net is then due to the "
        "shortcuts alone.",
        differs="Caffe has no layer that pads channels: a pooling with a window of 1 samples "
        "the pixels, Power with scale 0 makes the zeros, Concat joins them.",
    )


def _resnext(depth: int, group: int, published: str, source: str) -> Entry:
    name = f"ResNeXt-{depth} {group}x4d"
    return Entry(
        name=f"resnext{depth}_{group}x4d",
        title=name,
        paper=AGGREGATED,
        shape=(1, 3, 224, 224),
        build=partial(
            _resnet,
            depths=_DEPTHS[depth],
            blocks=Blocks(bottleneck=True, group=group, inner=4 * group),
        ),
        training=imagenet(32, 224),
        solver=_SOLVER,
        published=published,
        source=source,
        new=f"A block sums {group} paths of 4 channels each, which is one 3x3 convolution in "
        f"{group} groups between two 1x1: cardinality as a third size beside depth and width.",
        recipe="As ResNet: SGD, momentum 0.9, weight decay 0.0001, batches of 256, the rate 0.1 "
        "falls to a tenth three times. Crops vary in size and aspect.",
        differs="The 3x3 has the stride, as in the authors' code.",
    )


ENTRIES = (
    _projected(18, "11,689,512"),
    _projected(34, "21,797,672"),
    _projected(50, "25,557,032"),
    _projected(101, "44,549,160"),
    _projected(152, "60,192,808"),
    _plain(18, "11,515,688", "173,824"),
    _plain(34, "21,623,848", "173,824"),
    _padded(18, "11,515,688"),
    _padded(34, "21,623,848"),
    _resnext(50, 32, "25,028,904", _TORCH),
    _resnext(101, 32, "44,177,704", "counted in pytorchcv 0.0.74, `resnext101_32x4d`"),
    _resnext(101, 64, "83,455,272", f"{_TORCH}, resnext101_64x4d"),
)
