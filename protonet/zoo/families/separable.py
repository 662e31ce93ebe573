"""Separable convolutions: MobileNet, MobileNetV2, and Xception in both orders."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Paper, Solver, imagenet
from protonet.zoo.writer import NetText

_CENTRED = "mean_value: 128 scale: 0.0078125"
# Outputs and stride of MobileNet's separable convolutions, by stage.
_MOBILENET = (
    ((64, 1),),
    ((128, 2), (128, 1)),
    ((256, 2), (256, 1)),
    ((512, 2), *((512, 1),) * 5),
    ((1024, 2), (1024, 1)),
)
# Expansion, outputs, blocks and the first one's stride: table 2 of MobileNetV2's paper.
_MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _conv(net: NetText, name: str, x: str, outputs: int, kernel: int, stride: int = 1) -> str:
    """A convolution and its normalisation."""
    return net.norm(name, net.conv(name, x, outputs, kernel, stride=stride, bias=None))


def _depthwise(net: NetText, name: str, x: str, channels: int, stride: int = 1) -> str:
    """A 3x3 window a channel, without weight decay."""
    return net.conv(name, x, channels, 3, stride=stride, group=channels, bias=None, decay=False)


def _mobilenet_v1(net: NetText) -> None:
    channels = 32
    x = net.relu(_conv(net, "conv1", "data", channels, 3, 2))
    for stage, steps in enumerate(_MOBILENET, start=2):
        for index, (outputs, stride) in enumerate(steps, start=1):
            at = f"conv{stage}_{index}"
            x = _depthwise(net, f"{at}/dw", x, channels, stride)
            x = net.relu(net.norm(f"{at}/dw", x))
            x = net.relu(_conv(net, f"{at}/pw", x, outputs, 1))
            channels = outputs
    x = net.average("pool", x)
    net.dropout("drop", x, 0.001)
    net.finish(net.dense("fc1000", x, 1000))


def _relu6(net: NetText, blob: str) -> str:
    return net.layer(f"{blob}/relu6", "ReLU6", [blob], top=blob)


def inverted_residual(
    net: NetText, at: str, x: str, channels: int, outputs: int, expansion: int, stride: int = 1
) -> str:
    """Widen by 1x1, one 3x3 a channel, narrow by 1x1 without a ReLU, and add the input."""
    y, wide = x, channels * expansion
    if expansion > 1:
        y = _relu6(net, _conv(net, f"{at}/expand", x, wide, 1))
    y = _depthwise(net, f"{at}/dw", y, wide, stride)
    y = _relu6(net, net.norm(f"{at}/dw", y))
    y = _conv(net, f"{at}/project", y, outputs, 1)
    return net.add(at, [x, y]) if stride == 1 and channels == outputs else y


def _mobilenet_v2(net: NetText) -> None:
    channels = 32
    x = _relu6(net, _conv(net, "conv1", "data", channels, 3, 2))
    for stage, (expansion, outputs, count, stride) in enumerate(_MOBILENET_V2, start=2):
        for index in range(1, count + 1):
            first = stride if index == 1 else 1
            x = inverted_residual(
                net, f"conv{stage}_{index}", x, channels, outputs, expansion, first
            )
            channels = outputs
    x = net.average("pool", _relu6(net, _conv(net, "conv9", x, 1280, 1)))
    net.dropout("drop", x, 0.2)
    net.finish(net.dense("fc1000", x, 1000))


def _separable(
    net: NetText, name: str, x: str, channels: int, outputs: int, pointwise_first: bool
) -> str:
    """Depthwise then pointwise, or the other way round; nothing between, BatchNorm after."""
    if pointwise_first:
        y = net.conv(f"{name}/pw", x, outputs, 1, bias=None)
        y = _depthwise(net, f"{name}/dw", y, outputs)
    else:
        y = _depthwise(net, f"{name}/dw", x, channels)
        y = net.conv(f"{name}/pw", y, outputs, 1, bias=None)
    return net.norm(name, y)


def _block(
    net: NetText, at: str, x: str, widths: tuple[int, ...], stride: int, first: bool, swapped: bool
) -> str:
    """Separable convolutions, rectified before each, and a shortcut around them."""
    shortcut = x if stride == 1 else _conv(net, f"{at}/shortcut", x, widths[-1], 1, stride)
    y = x
    for index, (channels, outputs) in enumerate(zip(widths, widths[1:], strict=False), start=1):
        if index > 1:
            net.relu(y)
        elif not first:
            y = net.layer(f"{at}/relu", "ReLU", [x])
        y = _separable(net, f"{at}/sep{index}", y, channels, outputs, swapped)
    if stride > 1:
        y = net.pool(f"{at}/pool", y, "MAX", "kernel_size: 3 stride: 2 pad: 1 round_mode: FLOOR")
    return net.add(at, [shortcut, y])


def _xception(net: NetText, swapped: bool) -> None:
    x = net.conv("conv1", "data", 32, 3, stride=2, pad=0, bias=None)
    x = net.conv("conv2", net.relu(net.norm("conv1", x)), 64, 3, pad=0, bias=None)
    x = net.relu(net.norm("conv2", x))
    widths = [(64, 128, 128), (128, 256, 256), (256, 728, 728), *[(728,) * 4] * 8, (728, 728, 1024)]
    for n, own in enumerate(widths, start=1):
        stride = 1 if len(own) == 4 else 2
        x = _block(net, f"block{n}", x, own, stride, n == 1, swapped)
    x = net.relu(_separable(net, "conv3", x, 1024, 1536, swapped))
    x = net.average("pool", net.relu(_separable(net, "conv4", x, 1536, 2048, swapped)))
    net.dropout("drop", x)
    net.finish(net.dense("fc1000", x, 1000))


def _epochs(
    rate: str, gamma: str, every: int, until: int, decay: str, extra: tuple[str, ...]
) -> Solver:
    """The rate times gamma every so many iterations."""
    lines = (
        f"base_lr: {rate}",
        f'lr_policy: "step" gamma: {gamma} stepsize: {every}',
        *extra,
        f"weight_decay: {decay}",
    )
    return Solver(lines, 1000, 5000, until)


_CHOLLET = Paper(
    "F. Chollet", "Xception: deep learning with depthwise separable convolutions", "CVPR", 2017
)
_XCEPTION_RECIPE = (
    "SGD with momentum 0.9; the rate is 0.045 times 0.94 every two epochs, weight decay 0.00001, "
    "dropout 0.5 before the classifier. The paper trains on 60 GPUs; here the batch is 32."
)


def _xception_entry(
    name: str, title: str, swapped: bool, published: str, source: str, new: str
) -> Entry:
    return Entry(
        name=name,
        title=title,
        paper=_CHOLLET,
        shape=(1, 3, 299, 299),
        build=partial(_xception, swapped=swapped),
        training=imagenet(32, 299, transform=f"crop_size: 299 {_CENTRED}"),
        solver=_epochs("0.045", "0.94", 80074, 4000000, "0.00001", ("momentum: 0.9",)),
        published=published,
        source=source,
        new=new,
        recipe=_XCEPTION_RECIPE,
        differs="Pooling rounds down (round_mode: FLOOR) with a pad of 1, so that branch and "
        "shortcut agree on every input size.",
    )


ENTRIES = (
    Entry(
        name="mobilenet_v1",
        title="MobileNet v1",
        paper=Paper(
            "A. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, "
            "H. Adam",
            "MobileNets: efficient convolutional neural networks for mobile vision applications",
            "arXiv 1704.04861",
            2017,
        ),
        shape=(1, 3, 224, 224),
        build=_mobilenet_v1,
        training=imagenet(96, 224, transform=f"crop_size: 224 {_CENTRED}"),
        solver=_epochs(
            "0.045", "0.98", 13345, 2000000, "0.00004", ('type: "RMSProp" rms_decay: 0.9',)
        ),
        published="4,231,976",
        source="the paper's 4.2 million (table 8), to the digit pytorchcv 0.0.74's `mobilenet_w1`",
        new="Every 3x3 convolution but the first is split: one window a channel (depthwise), "
        "then a 1x1 that mixes the channels (pointwise), each normalised and rectified. That "
        "costs an eighth to a ninth. Two factors, for the width and for the image, make the "
        "net smaller still.",
        recipe="RMSProp, little augmentation, and no weight decay on the depthwise filters, of "
        "which there are few.",
        differs="The paper prints no rates; those of its successor stand in the solver. Caffe's "
        "RMSProp has no momentum.",
    ),
    Entry(
        name="mobilenet_v2",
        title="MobileNetV2",
        paper=Paper(
            "M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
            "MobileNetV2: inverted residuals and linear bottlenecks",
            "CVPR",
            2018,
        ),
        shape=(1, 3, 224, 224),
        build=_mobilenet_v2,
        training=imagenet(96, 224, transform=f"crop_size: 224 {_CENTRED}"),
        solver=_epochs(
            "0.045", "0.98", 13345, 4000000, "0.00004", ('type: "RMSProp" rms_decay: 0.9',)
        ),
        published="3,504,872",
        source="the paper's 3.4 million (table 4), to the digit torchvision's table of models",
        new="The residual block turned inside out: the shortcut joins the narrow ends, the "
        "block widens six times for the depthwise 3x3 and narrows again, and the narrow end "
        "is left linear, since rectifying few channels loses what they hold.",
        recipe="RMSProp with decay and momentum 0.9, weight decay 0.00004, the rate 0.045 times "
        "0.98 an epoch, batches of 96.",
        differs="Caffe's RMSProp has no momentum. ReLU6 is a layer of Caffe's forks.",
    ),
    _xception_entry(
        "xception",
        "Xception",
        False,
        "22,855,952",
        "the paper's 22.9 million (table 3), to the digit pytorchcv 0.0.74's `xception`",
        "Inception taken to its end: 36 layers, nearly all separable convolutions (3x3 a "
        "channel, then 1x1 over the channels, no ReLU between), with shortcuts around every "
        "two or three.",
    ),
    _xception_entry(
        "xception_swapped",
        "Xception swapped",
        True,
        "22,873,808",
        "counted by hand: each of the separable convolutions has 9 weights a channel of its "
        "output instead of its input",
        "Xception with its separable convolutions in the order of an Inception module: 1x1 over "
        "the channels first, then 3x3 a channel. The paper (section 1.2) names the order as one "
        "of two differences and holds it unimportant, since the operations are stacked.",
    ),
)
