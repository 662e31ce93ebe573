"""LeNet: LeCun's own of 1998, and the one that Caffe made of it."""

from __future__ import annotations

from protonet.zoo.entry import Entry, Paper, Solver
from protonet.zoo.writer import NetText, Training

_PAPER = Paper(
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
    "Gradient-based learning applied to document recognition",
    "Proceedings of the IEEE 86(11)",
    1998,
)
# Which maps of S2 each map of C3 sees: table I of the paper.
CONNECTIONS = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 3) % 6, (i + 4) % 6) for i in range(3)),
    (0, 1, 2, 3, 4, 5),
)


def _squash(net: NetText, blob: str) -> str:
    """1.7159 tanh(2/3 x); Caffe's gradient of Power is wrong in place."""
    x = net.layer(f"{blob}_in", "Power", [blob], param="power", fields=["scale: 0.6666667"])
    net.layer(f"{blob}_tanh", "TanH", [x], top=x)
    return net.layer(f"{blob}_out", "Power", [x], param="power", fields=["scale: 1.7159"])


def _subsampled(net: NetText, name: str, bottom: str) -> str:
    """Average 2x2 inputs, times a coefficient, plus a bias, squashed: both learned, by map."""
    x = net.pool(name, bottom, "AVE", "kernel_size: 2 stride: 2")
    net.layer(f"{name}_gain", "Scale", [x], top=x, param="scale", fields=["bias_term: true"])
    return _squash(net, x)


def _lenet5(net: NetText) -> None:
    # The digits of the database are 28x28, the paper's in a blank frame of 2 pixels. Training
    # crops 26x26 at random, inside a blank of 3: every digit moves by up to a pixel.
    pad = 3 if net.training else 0
    x = _squash(net, net.conv("C1", "data", 6, 5, pad=pad))
    x = _subsampled(net, "S2", x)
    maps = [f"S2_{i}" for i in range(6)]
    net.layer("S2_maps", "Slice", [x], tops=maps, param="slice", fields=["axis: 1"])
    found = []
    for i, seen in enumerate(CONNECTIONS):
        joined = net.concat(f"C3_in{i}", [maps[j] for j in sorted(seen)])
        found.append(net.conv(f"C3_{i}", joined, 1, 5, pad=0))
    x = _subsampled(net, "S4", _squash(net, net.concat("C3", found)))
    x = _squash(net, net.conv("C5", x, 120, 5, pad=0))
    x = _squash(net, net.dense("F6", x, 84))
    net.finish(net.dense("output", x, 10))


_DIGITS = Training(("../data/mnist_train_lmdb", "../data/mnist_test_lmdb"), (64, 100), "", "")

ENTRIES = (
    Entry(
        name="lenet5",
        title="LeNet-5",
        paper=_PAPER,
        shape=(1, 1, 32, 32),
        build=_lenet5,
        training=Training(
            ("../data/mnist_train_lmdb", "../data/mnist_test_lmdb"),
            (32, 100),
            "scale: 0.005 crop_size: 26",
            "scale: 0.005 crop_size: 26",
            'type: "xavier"',
        ),
        solver=Solver(
            (
                "base_lr: 0.02",
                'lr_policy: "multistep" gamma: 0.1 stepvalue: 1500',
                "momentum: 0.9",
                "weight_decay: 0.0001",
                "random_seed: 1",
            ),
            test_iter=10,
            test_interval=500,
            max_iter=2000,
            snapshot=2000,
        ),
        published="60,850",
        source="the paper's 60,000 (C1 156, S2 12, C3 1,516, S4 32, C5 48,120, F6 10,164) and "
        "the 850 of the output layer, which in the paper are fixed",
        new="The convolutional network as it is still drawn: convolutions and subsampling in "
        "turn, then layers that see everything, all of it trained by gradient descent from the "
        "pixels on. Every map of C3 sees only some maps of S2, after the paper's table I: that "
        "breaks the symmetry and keeps the number of connections down.",
        recipe="SGD with momentum 0.9 and batches of 32; the rate is 0.02, and a tenth of it from "
        "iteration 1,500 to 2,000: 16 times through the 4,000 digits that are shipped. The paper "
        "goes 20 times through all 60,000 with a stochastic diagonal Levenberg-Marquardt method, "
        "which gives each weight a rate of its own. So few digits would be learned by heart, so "
        "each is shifted at random by up to a pixel, the least of the distortions that the paper "
        "tries: measured with four seeds, 97.4 to 98.5 % of 1,000 other digits are then read. "
        "Weights start evenly between ±sqrt(3 / inputs of the unit); the paper's ±2.4 / inputs is "
        "smaller and waits for those rates.",
        differs="The paper's output layer is a distance to ten fixed drawings of 7x12 pixels; "
        "here it is an inner product with a softmax. S2 and S4 add four inputs before the "
        "learned coefficient; here they are averaged, so the coefficient is four times as "
        "large. Training crops digits of 28x28 to 26x26, at random, and C1 pads them by 3 blank "
        "pixels, where the blank is 0 (the paper shifts it to -0.1); deploy.prototxt takes the "
        "framed 32x32.",
    ),
    Entry(
        name="lenet",
        title="LeNet",
        paper=_PAPER,
        shape=(64, 1, 28, 28),
        build=None,
        training=_DIGITS,
        solver=Solver((), 100, 500, 10000, 5000),
        published="431,080",
        source="Caffe's MNIST example: 520 + 25,050 + 400,500 + 5,010",
        new="What Caffe's first example made of LeNet-5: rectified units and max pooling in "
        "place of trained subsampling and tanh, and every map sees every map before it.",
        recipe="SGD with momentum 0.9, weight decay 0.0005, and a rate of 0.01 that falls as "
        "(1 + 0.0001 i) to the power of -0.75.",
        by_hand=("deploy.prototxt", "train_val.prototxt", "solver.prototxt"),
    ),
)
