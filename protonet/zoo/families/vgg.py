"""VGG: the six configurations of table 1, columns A to E."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Paper, Solver, imagenet, steps
from protonet.zoo.writer import NetText

_PAPER = Paper(
    "K. Simonyan, A. Zisserman",
    "Very deep convolutional networks for large-scale image recognition",
    "ICLR",
    2015,
)
_WIDTHS = (64, 128, 256, 512, 512)


def _vgg(
    net: NetText, depths: tuple[int, ...], kernels: dict[str, int] | None = None, norm: bool = False
) -> None:
    x = "data"
    for i, depth in enumerate(depths, start=1):
        for j in range(1, depth + 1):
            name = f"conv{i}_{j}"
            x = net.conv(name, x, _WIDTHS[i - 1], (kernels or {}).get(name, 3))
            net.relu(x, f"relu{i}_{j}")
        if norm and i == 1:
            fields = ["local_size: 5", "alpha: 0.0005", "beta: 0.75", "k: 2"]
            x = net.layer("norm1", "LRN", [x], param="lrn", fields=fields)
        x = net.pool(f"pool{i}", x, "MAX", "kernel_size: 2 stride: 2")
    for n in (6, 7):
        x = net.relu(net.dense(f"fc{n}", x, 4096), f"relu{n}")
        net.dropout(f"drop{n}", x)
    net.finish(net.dense("fc8", x, 1000))


_SOLVER = Solver(
    steps(150000, 250000, 330000, rate="0.01", decay="0.0005", extra=("iter_size: 4",)),
    test_iter=1000,
    test_interval=5000,
    max_iter=370000,
)
_NEW = (
    "Depth out of one part: windows of 3x3 only, two of which see 5x5 and three 7x7, with fewer "
    "weights and more rectified steps between; the channels double after each pooling."
)
_RECIPE = (
    "SGD with momentum 0.9, weight decay 0.0005, batches of 256 and dropout 0.5; the rate starts "
    "at 0.01 and falls to a tenth three times, when the validation accuracy stops rising, "
    "within 370,000 iterations (74 epochs). The images' short side is 256, or drawn between 256 "
    "and 512. The paper starts the deep columns from column A; the file starts them by Glorot's "
    "rule, which the paper found to do as well."
)


def _column(
    name: str,
    layers: int,
    column: str,
    depths: tuple[int, ...],
    published: str,
    own: str,
    kernels: dict[str, int] | None = None,
    norm: bool = False,
) -> Entry:
    filler = 'type: "gaussian" std: 0.01' if layers == 11 else 'type: "xavier"'
    suffix = {"A-LRN": " LRN", "C": " 1x1"}.get(column, "")
    return Entry(
        name=name,
        title=f"VGG-{layers}{suffix}",
        paper=_PAPER,
        shape=(1, 3, 224, 224),
        build=partial(_vgg, depths=depths, kernels=kernels, norm=norm),
        training=imagenet(64, 224, filler),
        solver=_SOLVER,
        published=published,
        source="table 2 of the paper, to the digits it prints"
        if "M" in published
        else "table 2 of the paper (in millions), torchvision's table of models (to the digit)",
        new=f"Column {column}: {own} {_NEW}",
        recipe=_RECIPE,
        differs="The batch of 256 is four of 64, by the solver's iter_size."
        + (" The normalisation's constants are AlexNet's, as the paper says." if norm else ""),
    )


ENTRIES = (
    _column("vgg11", 11, "A", (1, 1, 2, 2, 2), "132,863,336", "eight convolutions."),
    _column(
        "vgg11_lrn",
        11,
        "A-LRN",
        (1, 1, 2, 2, 2),
        "133 M",
        "column A with AlexNet's normalisation after the first convolution; it did not help, "
        "and no other column has it.",
        norm=True,
    ),
    _column("vgg13", 13, "B", (2, 2, 2, 2, 2), "133,047,848", "ten convolutions."),
    _column(
        "vgg16_1",
        16,
        "C",
        (2, 2, 3, 3, 3),
        "134 M",
        "thirteen convolutions, the third of stages 3 to 5 with a window of 1x1: what more "
        "rectified steps give without seeing further.",
        {f"conv{i}_3": 1 for i in (3, 4, 5)},
    ),
    _column(
        "vgg16",
        16,
        "D",
        (2, 2, 3, 3, 3),
        "138,357,544",
        "thirteen convolutions. Its layers have the names that published weights have.",
    ),
    _column("vgg19", 19, "E", (2, 2, 4, 4, 4), "143,667,240", "sixteen convolutions."),
)
