"""GoogLeNet: Inception modules, and two auxiliary classifiers while it trains."""

from __future__ import annotations

from protonet.zoo.entry import Entry, Paper, Solver, imagenet
from protonet.zoo.writer import NetText

# Outputs of each module's branches: 1x1, 3x3 after its reduction, 5x5 after its, after the pool.
# Table 1 of the paper.
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
_WINDOW = "kernel_size: 3 stride: 2"
_NORM = ("local_size: 5", "alpha: 0.0001", "beta: 0.75")


def _conv(net: NetText, name: str, bottom: str, outputs: int, kernel: int, stride: int = 1) -> str:
    return net.relu(net.conv(name, bottom, outputs, kernel, stride=stride, bias=0.2))


def _inception(net: NetText, name: str, bottom: str) -> str:
    one, reduce3, three, reduce5, five, pooled = INCEPTION[name]
    at = f"inception_{name}"
    branches = [_conv(net, f"{at}/1x1", bottom, one, 1)]
    narrow = _conv(net, f"{at}/3x3_reduce", bottom, reduce3, 1)
    branches.append(_conv(net, f"{at}/3x3", narrow, three, 3))
    narrow = _conv(net, f"{at}/5x5_reduce", bottom, reduce5, 1)
    branches.append(_conv(net, f"{at}/5x5", narrow, five, 5))
    pool = net.pool(f"{at}/pool", bottom, "MAX", "kernel_size: 3 stride: 1 pad: 1")
    branches.append(_conv(net, f"{at}/pool_proj", pool, pooled, 1))
    return net.concat(f"{at}/output", branches)


def _auxiliary(net: NetText, name: str, bottom: str) -> None:
    """A small classifier on a middle module, its loss weighed by 0.3."""
    x = net.pool(f"{name}/ave_pool", bottom, "AVE", "kernel_size: 5 stride: 3")
    x = net.relu(net.conv(f"{name}/conv", x, 128, 1, bias=0.2), f"{name}/relu_conv")
    x = net.relu(net.dense(f"{name}/fc", x, 1024, bias=0.2), f"{name}/relu_fc")
    net.dropout(f"{name}/drop_fc", x, 0.7)
    x = net.dense(f"{name}/classifier", x, 1000)
    net.layer(f"{name}/loss", "SoftmaxWithLoss", [x, "label"], extra=["loss_weight: 0.3"])


def _googlenet(net: NetText) -> None:
    x = _conv(net, "conv1/7x7_s2", "data", 64, 7, 2)
    x = net.pool("pool1/3x3_s2", x, "MAX", _WINDOW)
    x = net.layer("pool1/norm1", "LRN", [x], param="lrn", fields=_NORM)
    x = _conv(net, "conv2/3x3", _conv(net, "conv2/3x3_reduce", x, 64, 1), 192, 3)
    x = net.layer("conv2/norm2", "LRN", [x], param="lrn", fields=_NORM)
    x = net.pool("pool2/3x3_s2", x, "MAX", _WINDOW)
    for name in INCEPTION:
        x = _inception(net, name, x)
        if net.training and name in ("4a", "4d"):
            _auxiliary(net, "loss1" if name == "4a" else "loss2", x)
        if name in ("3b", "4e"):
            x = net.pool(f"pool{name[0]}/3x3_s2", x, "MAX", _WINDOW)
    x = net.pool("pool5/7x7_s1", x, "AVE", "kernel_size: 7 stride: 1")
    net.dropout("pool5/drop", x, 0.4)
    net.finish(net.dense("loss3/classifier", x, 1000))


ENTRIES = (
    Entry(
        name="googlenet",
        title="GoogLeNet",
        paper=Paper(
            "C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, "
            "V. Vanhoucke, A. Rabinovich",
            "Going deeper with convolutions",
            "CVPR",
            2015,
        ),
        shape=(10, 3, 224, 224),
        build=_googlenet,
        training=imagenet(32, 224, 'type: "xavier"'),
        solver=Solver(
            (
                "base_lr: 0.01",
                'lr_policy: "step" gamma: 0.96 stepsize: 320000',
                "momentum: 0.9",
                "weight_decay: 0.0002",
            ),
            test_iter=1000,
            test_interval=4000,
            max_iter=10000000,
            snapshot=40000,
        ),
        published="6,998,552",
        source="the count of Caffe's own GoogLeNet, whose weights fit this file",
        new="The winner of ILSVRC 2014, with a twelfth of AlexNet's weights. A module looks at "
        "1x1, 3x3 and 5x5 windows and at a pooled map side by side; 1x1 convolutions first "
        "bring the channels down, which pays for it. Global average pooling takes the place of "
        "the large inner products.",
        recipe="Momentum 0.9; the rate falls by 4 % every 8 epochs. Two classifiers on modules "
        "4a and 4d send a gradient to the middle of the net: their losses count 0.3, and they "
        "are gone at test time. They bring train_val.prototxt to 13,378,280 parameters.",
        differs="The paper does not print the first rate or the decay: 0.01 and 0.0002 as in "
        "Caffe's recipe. Its images have short sides of 256, 288, 320 and 352 and windows of "
        "many sizes and aspects; Caffe's transform crops one size.",
    ),
)
