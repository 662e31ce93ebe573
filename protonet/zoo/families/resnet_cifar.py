"""ResNet for CIFAR-10: 6 n + 2 layers, shortcuts padded with zeros, and a plain twin."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Solver, steps
from protonet.zoo.families.residual import Blocks, block, conv
from protonet.zoo.families.resnet import PAPER
from protonet.zoo.writer import NetText, Training


def resnet_cifar(net: NetText, depth: int, shortcut: str = "padding") -> None:
    """Three stages of (depth - 2) / 6 blocks at 32x32, 16x16 and 8x8; section 4.2."""
    blocks = Blocks(shortcut=shortcut)
    x = conv(net, "conv1", "data", 16, 3)
    for stage in range(3):
        for index in range((depth - 2) // 6):
            grows = bool(stage and not index)
            at = f"res{stage + 2}_{index + 1}"
            stride = 2 if grows else 1
            x = block(net, at, x, blocks, 16 << stage, stride=stride, grows=grows)
    net.finish(net.dense("fc10", net.average("pool", x), 10))


# CIFAR's own order of channels is red, green, blue.
_MEAN = "mean_value: 125.3 mean_value: 123 mean_value: 113.9"
_TRAINING = Training(
    ("cifar10_train_lmdb", "cifar10_test_lmdb"),
    (128, 100),
    f"mirror: true crop_size: 32 {_MEAN}",
    f"mirror: false crop_size: 32 {_MEAN}",
)
_SOLVER = Solver(steps(32000, 48000, rate="0.1"), 100, 1000, 64000, 16000)
_RECIPE = (
    "SGD with momentum 0.9, weight decay 0.0001, batches of 128; the rate is 0.1, a tenth of it "
    "from iteration 32,000 and a hundredth from 48,000, to 64,000. Images are mirrored, and "
    "cropped from a frame of 4 black pixels, which the training database holds: Caffe's crop "
    "cuts but does not pad."
)
_DATA = """## Its data

From CIFAR-10's binary version, the training images in their frame:

```console
$ protonet data cifar cifar-10-batches-bin -o cifar10_train_lmdb --pad 4
$ protonet data cifar cifar-10-batches-bin/test_batch.bin -o cifar10_test_lmdb
```
"""
_WARM = (
    " Of this depth the paper first trains 400 iterations at a rate of 0.01, until the training "
    "error is below 80 %."
)


def _entry(depth: int, published: str) -> Entry:
    return Entry(
        name=f"resnet{depth}_cifar",
        title=f"ResNet-{depth} CIFAR",
        paper=PAPER,
        shape=(1, 3, 32, 32),
        build=partial(resnet_cifar, depth=depth),
        training=_TRAINING,
        solver=_SOLVER,
        published=published,
        source="table 6 of the paper, to the digits it prints",
        new=f"Three stages of {(depth - 2) // 6} blocks with 16, 32 and 64 channels. Every "
        "shortcut is the input itself, padded with zeros where the channels grow, so the net "
        "has exactly the weights of its plain twin.",
        recipe=_RECIPE + (_WARM if depth == 110 else ""),
        differs="Caffe has no layer that pads channels: a pooling with a window of 1 samples "
        "the pixels, Power with scale 0 makes the zeros, Concat joins them."
        + (
            " The definition is large, so its prototxts are not kept here: `protonet zoo copy "
            f"resnet{depth}_cifar DIR` writes them."
            if depth > 1000
            else ""
        ),
        on_demand=depth > 1000,
        more=_DATA,
    )


def _plain(depth: int, published: str) -> Entry:
    return Entry(
        name=f"plain{depth}_cifar",
        title=f"Plain-{depth} CIFAR",
        paper=PAPER,
        shape=(1, 3, 32, 32),
        build=partial(resnet_cifar, depth=depth, shortcut="none"),
        training=_TRAINING,
        solver=_SOLVER,
        published=published,
        source=f"ResNet-{depth}'s count in table 6: its shortcuts have no weights",
        new=f"ResNet-{depth} without its shortcuts, to train beside it.",
        recipe=_RECIPE,
        more=_DATA,
    )


ENTRIES = (
    _entry(20, "0.27 M"),
    _entry(32, "0.46 M"),
    _entry(44, "0.66 M"),
    _entry(56, "0.85 M"),
    _entry(110, "1.7 M"),
    _entry(1202, "19.4 M"),
    _plain(20, "0.27 M"),
    _plain(56, "0.85 M"),
)
