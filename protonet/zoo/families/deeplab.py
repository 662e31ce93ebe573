"""DeepLabv3: ResNet-50 with holes instead of strides, and a pyramid of rates on top."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import MEAN, Entry, Paper, Solver
from protonet.zoo.families.residual import Blocks, block, conv, letter
from protonet.zoo.writer import NetText, Training

_CLASSES = 21
_BLOCKS = Blocks(bottleneck=True)
# Rates within the last stage, times the stage's own: the multi-grid of section 4.2.
_GRID = (1, 2, 4)


def _backbone(net: NetText, stride: int) -> str:
    """ResNet-50 whose maps stay at 1/stride; what a stride would have skipped, rates reach."""
    x = conv(net, "conv1", "data", 64, 7, stride=2)
    x = net.pool("pool1", x, "MAX", "kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR")
    fourth = (2, 1) if stride == 16 else (1, 2)
    stages = ((3, 1, 1), (4, 2, 1), (6, *fourth), (3, 1, 32 // stride))
    for stage, (count, first, rate) in enumerate(stages, start=2):
        for index in range(count):
            grid = _GRID[index] if stage == 5 else 1
            x = block(
                net,
                f"res{stage}{letter(index, count)}",
                x,
                _BLOCKS,
                32 << stage - 1,
                stride=1 if index else first,
                dilation=rate * grid,
                grows=not index,
            )
    return x


def image_pool(net: NetText, x: str, like: str) -> str:
    """The average of the whole image through a 1x1 convolution, at every pixel of ``like``."""
    x = conv(net, "aspp/image", net.average("aspp/pool", x), 256, 1)
    x = net.layer("aspp/flat", "Flatten", [x])
    ones = net.layer("aspp/ones", "Power", [like], param="power", fields=["power: 0"])
    return net.layer("aspp/spread", "Scale", [ones, x], param="scale", fields=["axis: 0"])


def pyramid(net: NetText, x: str, rates: tuple[int, ...]) -> str:
    """1x1, 3x3 at each rate, and the image's average, side by side: 5 times 256 channels."""
    branches = [conv(net, "aspp/1x1", x, 256, 1)]
    branches += [conv(net, f"aspp/rate{rate}", x, 256, 3, dilation=rate) for rate in rates]
    branches.append(image_pool(net, x, branches[0]))
    return net.concat("aspp", branches)


def _deeplabv3(net: NetText, stride: int) -> None:
    rates = tuple(rate * 16 // stride for rate in (6, 12, 18))
    x = pyramid(net, _backbone(net, stride), rates)
    x = conv(net, "project", x, 256, 1)
    x = net.conv("score", x, _CLASSES, 1)
    fields = [f"zoom_factor: {stride}"]
    x = net.layer("upsampled", "Interp", [x], param="interp", fields=fields)
    if not net.training:
        net.layer("prob", "Softmax", [x])
        return
    ignored = ["ignore_label: 255"]
    test = ["include { phase: TEST }"]
    net.layer("accuracy", "Accuracy", [x, "label"], extra=test, param="accuracy", fields=ignored)
    net.layer("loss", "SoftmaxWithLoss", [x, "label"], param="loss", fields=ignored)


_PAPER = Paper(
    "L.-C. Chen, G. Papandreou, F. Schroff, H. Adam",
    "Rethinking atrous convolution for semantic image segmentation",
    "arXiv 1706.05587",
    2017,
)
_COUNT = (
    "counted by hand: ResNet-50 without its classifier 23,508,032; the pyramid's 1x1 and its image "
    "pooling 524,800 each, its three 3x3 14,157,312; the projection 328,192; the scores 5,397"
)
_RECIPE = (
    "SGD with momentum 0.9 from a ResNet trained on ImageNet; the rate falls as (1 - i / 30,000) "
    "to the power of 0.9 from 0.007, batches of 16 at output stride 16; then as long again from "
    "0.001 at stride 8 with BatchNorm held. Crops of 513, images scaled by 0.5 to 2 and mirrored."
)


def _entry(stride: int, new: str) -> Entry:
    transform = f"crop_size: 513 {MEAN}"
    batch, rate = (16, "0.007") if stride == 16 else (8, "0.001")
    return Entry(
        name=f"deeplabv3_os{stride}",
        title=f"DeepLabv3 stride {stride}",
        paper=_PAPER,
        shape=(1, 3, 513, 513),
        build=partial(_deeplabv3, stride=stride),
        training=Training(
            ("voc12_train", "voc12_val"), (batch, 1), transform, transform, segmentation=True
        ),
        solver=Solver(
            (
                f"base_lr: {rate}",
                'lr_policy: "poly" power: 0.9',
                "momentum: 0.9",
                "weight_decay: 0.0001",
            ),
            test_iter=1449,
            test_interval=5000,
            max_iter=30000,
            snapshot=5000,
        ),
        published="39,048,533",
        source=_COUNT,
        new=new,
        recipe=_RECIPE,
        differs="Caffe's Data layer reads images and label maps from two databases in step, so "
        "scaling, cropping and mirroring are done before they are written. The input is "
        f"{stride} k + 1 pixels high and wide (513, for example): then the upsampled scores "
        "have its size. Interp is a layer of Caffe's forks.",
    )


ENTRIES = (
    _entry(
        16,
        "Convolution with holes (atrous) keeps the last stage of ResNet-50 at 1/16 of the image; "
        "a multi-grid of rates (2, 4, 8) runs through it. On top, side by side: 1x1, 3x3 at "
        "rates 6, 12 and 18, and the average of the whole image. The scores are brought to the "
        "size of the input before the loss, so no label is thrown away.",
    ),
    _entry(
        8,
        "The same weights at 1/8 of the image: the fourth stage keeps its size too, at rate 2, "
        "the last has rates 4, 8 and 16, the pyramid 12, 24 and 36. Finer, at four times the "
        "work of the last stages.",
    ),
)
