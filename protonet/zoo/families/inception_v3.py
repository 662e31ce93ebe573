"""Inception v3: factorised windows, 5x5 as 3x3 twice, 7x7 as 1x7 and 7x1."""

from __future__ import annotations

from protonet.zoo.entry import Entry, Paper, Solver, imagenet
from protonet.zoo.writer import NetText, Side

# Rounding down, as the convolutions beside it do: then every input size fits.
_WINDOW = "kernel_size: 3 stride: 2 round_mode: FLOOR"
_EPS = "0.001"
# Channels of the 7x7 branches of the four modules at 17x17.
_MIDDLE = (128, 160, 160, 192)


def _conv(
    net: NetText, name: str, bottom: str, outputs: int, kernel: Side, stride: int = 1, pad: int = -1
) -> str:
    """A convolution, normalised and rectified; padded to keep the size unless pad is given."""
    padding = None if pad < 0 else pad
    x = net.conv(name, bottom, outputs, kernel, stride=stride, pad=padding, bias=None)
    net.norm(name, x, eps=_EPS)
    return net.relu(x)


def _chain(net: NetText, at: str, bottom: str, *steps: tuple[str, int, Side]) -> str:
    for name, outputs, kernel in steps:
        bottom = _conv(net, f"{at}/{name}", bottom, outputs, kernel)
    return bottom


def _pooled(net: NetText, at: str, bottom: str, outputs: int) -> str:
    x = net.pool(f"{at}/pool", bottom, "AVE", "kernel_size: 3 stride: 1 pad: 1")
    return _conv(net, f"{at}/pool_proj", x, outputs, 1)


def _stem(net: NetText) -> str:
    x = _conv(net, "conv1", "data", 32, 3, 2, 0)
    x = _conv(net, "conv3", _conv(net, "conv2", x, 32, 3, 1, 0), 64, 3)
    x = net.pool("pool1", x, "MAX", _WINDOW)
    x = _conv(net, "conv5", _conv(net, "conv4", x, 80, 1), 192, 3, 1, 0)
    return net.pool("pool2", x, "MAX", _WINDOW)


def _module_35(net: NetText, at: str, x: str, pooled: int) -> str:
    """At 35x35: the 5x5 window of old beside one made of two 3x3."""
    branches = [
        _conv(net, f"{at}/1x1", x, 64, 1),
        _chain(net, at, x, ("5x5_reduce", 48, 1), ("5x5", 64, 5)),
        _chain(net, at, x, ("double_reduce", 64, 1), ("double_1", 96, 3), ("double_2", 96, 3)),
        _pooled(net, at, x, pooled),
    ]
    return net.concat(f"{at}/output", branches)


def _to_17(net: NetText, at: str, x: str) -> str:
    """From 35x35 to 17x17: convolve and pool side by side, so that nothing is squeezed first."""
    three = _conv(net, f"{at}/3x3", x, 384, 3, 2, 0)
    double = _chain(net, at, x, ("double_reduce", 64, 1), ("double_1", 96, 3))
    branches = [
        three,
        _conv(net, f"{at}/double_2", double, 96, 3, 2, 0),
        net.pool(f"{at}/pool", x, "MAX", _WINDOW),
    ]
    return net.concat(f"{at}/output", branches)


def _module_17(net: NetText, at: str, x: str, middle: int) -> str:
    """At 17x17: 7x7 as 1x7 and 7x1, once and twice."""
    wide, high = (1, 7), (7, 1)
    once = (("7x7_reduce", middle, 1), ("1x7", middle, wide), ("7x1", 192, high))
    twice = (
        ("double_reduce", middle, 1),
        ("double_7x1_1", middle, high),
        ("double_1x7_1", middle, wide),
        ("double_7x1_2", middle, high),
        ("double_1x7_2", 192, wide),
    )
    branches = [
        _conv(net, f"{at}/1x1", x, 192, 1),
        _chain(net, at, x, *once),
        _chain(net, at, x, *twice),
        _pooled(net, at, x, 192),
    ]
    return net.concat(f"{at}/output", branches)


def _to_8(net: NetText, at: str, x: str) -> str:
    """From 17x17 to 8x8."""
    three = _conv(net, f"{at}/3x3", _conv(net, f"{at}/3x3_reduce", x, 192, 1), 320, 3, 2, 0)
    steps = (("7x7_reduce", 192, 1), ("1x7", 192, (1, 7)), ("7x1", 192, (7, 1)))
    seven = _chain(net, at, x, *steps)
    branches = [
        three,
        _conv(net, f"{at}/7x7_3x3", seven, 192, 3, 2, 0),
        net.pool(f"{at}/pool", x, "MAX", _WINDOW),
    ]
    return net.concat(f"{at}/output", branches)


def _module_8(net: NetText, at: str, x: str) -> str:
    """At 8x8: the outputs of 1x3 and of 3x1 side by side, for more features."""
    branches = [_conv(net, f"{at}/1x1", x, 320, 1)]
    three = _conv(net, f"{at}/3x3_reduce", x, 384, 1)
    branches += _both(net, f"{at}/", three)
    double = _chain(net, at, x, ("double_reduce", 448, 1), ("double", 384, 3))
    branches += _both(net, f"{at}/double_", double)
    return net.concat(f"{at}/output", [*branches, _pooled(net, at, x, 192)])


def _both(net: NetText, at: str, x: str) -> list[str]:
    """1x3 and 3x1 of the same input."""
    return [_conv(net, f"{at}1x3", x, 384, (1, 3)), _conv(net, f"{at}3x1", x, 384, (3, 1))]


def _auxiliary(net: NetText, x: str) -> None:
    x = net.pool("aux/pool", x, "AVE", "kernel_size: 5 stride: 3")
    x = _conv(net, "aux/5x5", _conv(net, "aux/1x1", x, 128, 1), 768, 5, 1, 0)
    x = net.dense("aux/classifier", x, 1000)
    net.layer("aux/loss", "SoftmaxWithLoss", [x, "label"], extra=["loss_weight: 0.4"])


def _inception_v3(net: NetText) -> None:
    x = _stem(net)
    for name, pooled in (("mixed_5b", 32), ("mixed_5c", 64), ("mixed_5d", 64)):
        x = _module_35(net, name, x, pooled)
    x = _to_17(net, "mixed_6a", x)
    for letter, middle in zip("bcde", _MIDDLE, strict=True):
        x = _module_17(net, f"mixed_6{letter}", x, middle)
    if net.training:
        _auxiliary(net, x)
    x = _to_8(net, "mixed_7a", x)
    for letter in "bc":
        x = _module_8(net, f"mixed_7{letter}", x)
    x = net.average("pool3", x)
    net.dropout("drop", x, 0.2)
    net.finish(net.dense("logits", x, 1000))


# Counted by hand, module by module: weights of the convolutions, channels that BatchNorm scales
# and shifts (two numbers each), and their sum.
COUNT = (
    ("stem", "9·(3·32 + 32·32 + 32·64 + 80·192) + 64·80", "32 + 32 + 64 + 80 + 192", 172672),
    (
        "mixed_5b",
        "192·(64 + 48 + 64 + 32) + 25·48·64 + 9·(64·96 + 96·96)",
        "64 + 48 + 64 + 64 + 96 + 96 + 32",
        255904,
    ),
    (
        "mixed_5c",
        "256·(64 + 48 + 64 + 64) + 25·48·64 + 9·(64·96 + 96·96)",
        "64 + 48 + 64 + 64 + 96 + 96 + 64",
        277472,
    ),
    (
        "mixed_5d",
        "288·(64 + 48 + 64 + 64) + 25·48·64 + 9·(64·96 + 96·96)",
        "64 + 48 + 64 + 64 + 96 + 96 + 64",
        285152,
    ),
    ("mixed_6a", "9·288·384 + 288·64 + 9·(64·96 + 96·96)", "384 + 64 + 96 + 96", 1153280),
    (
        "mixed_6b",
        "768·(192 + 128 + 128 + 192) + 7·(4·128·128 + 2·128·192)",
        "4·192 + 6·128",
        1297408,
    ),
    (
        "mixed_6c",
        "768·(192 + 160 + 160 + 192) + 7·(4·160·160 + 2·160·192)",
        "4·192 + 6·160",
        1691008,
    ),
    (
        "mixed_6d",
        "768·(192 + 160 + 160 + 192) + 7·(4·160·160 + 2·160·192)",
        "4·192 + 6·160",
        1691008,
    ),
    (
        "mixed_6e",
        "768·(192 + 192 + 192 + 192) + 7·(4·192·192 + 2·192·192)",
        "4·192 + 6·192",
        2141952,
    ),
    ("mixed_7a", "768·(192 + 192) + 9·192·320 + 7·2·192·192 + 9·192·192", "320 + 5·192", 1698304),
    (
        "mixed_7b",
        "1280·(320 + 384 + 448 + 192) + 9·448·384 + 3·4·384·384",
        "320 + 448 + 6·384 + 192",
        5044608,
    ),
    (
        "mixed_7c",
        "2048·(320 + 384 + 448 + 192) + 9·448·384 + 3·4·384·384",
        "320 + 448 + 6·384 + 192",
        6076800,
    ),
)


def _by_hand() -> str:
    heads = [
        "| part | weights of convolutions | channels normalised | parameters |",
        "|---|---|---|---:|",
    ]
    rows = [f"| {part} | {a} | {b} | {total:,} |" for part, a, b, total in COUNT]
    last = ["| logits | 2048·1000 + 1000 | | 2,049,000 |", "| **all** | | | **23,834,568** |"]
    return (
        "## Counted by hand\n\n"
        + "\n".join([*heads, *rows, *last])
        + "\n\nA channel normalised has two: scale and shift.\n"
    )


ENTRIES = (
    Entry(
        name="inception_v3",
        title="Inception v3",
        paper=Paper(
            "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna",
            "Rethinking the Inception architecture for computer vision",
            "CVPR",
            2016,
        ),
        shape=(1, 3, 299, 299),
        build=_inception_v3,
        training=imagenet(32, 299),
        solver=Solver(
            (
                "base_lr: 0.045",
                'lr_policy: "step" gamma: 0.94 stepsize: 1602',
                'type: "RMSProp" rms_decay: 0.9 delta: 1',
                "clip_gradients: 2",
                "iter_size: 50",
                "weight_decay: 0.00004",
            ),
            test_iter=1000,
            test_interval=800,
            max_iter=80100,
            snapshot=1600,
        ),
        published="23,834,568",
        source="the published 23.8 million, to the digit: torchvision's inception_v3 (27,161,264) "
        "less its auxiliary classifier (3,326,696)",
        new="Windows factorised: 5x5 becomes two 3x3 (28 % less to compute), and at 17x17 a 7x7 "
        "becomes 1x7 and 7x1 (71 % less); at 8x8 1x3 and 3x1 stand side by side. Size falls by "
        "convolving and pooling in parallel, so no layer is a bottleneck. BatchNorm is "
        "everywhere, also in the auxiliary classifier, which regularises.",
        recipe="RMSProp (decay 0.9, epsilon 1), the rate 0.045 times 0.94 every two epochs, "
        "gradients clipped at a norm of 2, 50 replicas of batch 32 (iter_size 50 here), 100 "
        "epochs.",
        differs="The layers are those of the published code, which table 1 of the paper sums up. "
        "BatchNorm has a learned scale, which TensorFlow's release does without: 17,216 "
        "weights. Average pooling counts the padding, as Caffe does. The auxiliary loss counts "
        "0.4 as in the released code. Label smoothing (0.1) is not in Caffe's SoftmaxWithLoss.",
        more=_by_hand(),
    ),
)
