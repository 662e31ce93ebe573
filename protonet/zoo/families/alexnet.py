"""AlexNet, in two towers as published, in one, and in the one tower of 2014."""

from __future__ import annotations

from functools import partial

from protonet.zoo.entry import Entry, Paper, Solver, imagenet
from protonet.zoo.writer import NetText

_PAPER = Paper(
    "A. Krizhevsky, I. Sutskever, G. Hinton",
    "ImageNet classification with deep convolutional neural networks",
    "NIPS",
    2012,
)
_WINDOW = "kernel_size: 3 stride: 2"
_THIN, _NARROW = 'type: "gaussian" std: 0.01', 'type: "gaussian" std: 0.005'
_CAFFE_NORM = ("local_size: 5", "alpha: 0.0001", "beta: 0.75")
# Caffe divides alpha by local_size; the paper does not.
_PAPER_NORM = ("local_size: 5", "alpha: 0.0005", "beta: 0.75", "k: 2")


def _alexnet(
    net: NetText,
    widths: tuple[int, ...] = (96, 256, 384, 384, 256),
    group: int = 1,
    norm: tuple[str, ...] = (),
    pad: int = 0,
) -> None:
    groups, biases = (1, group, 1, group, group), (0, 0.1, 0, 0.1, 0.1)
    x = "data"
    for i, (width, kernel) in enumerate(zip(widths, (11, 5, 3, 3, 3), strict=True)):
        n = i + 1
        x = net.conv(
            f"conv{n}",
            x,
            width,
            kernel,
            stride=1 if i else 4,
            pad=None if i else pad,
            group=groups[i],
            bias=biases[i],
        )
        net.relu(x, f"relu{n}")
        if n in (1, 2) and norm:
            x = net.layer(f"norm{n}", "LRN", [x], param="lrn", fields=norm)
        if n in (1, 2, 5):
            x = net.pool(f"pool{n}", x, "MAX", _WINDOW)
    for n in (6, 7):
        x = net.relu(net.dense(f"fc{n}", x, 4096, bias=0.1, filler=_NARROW), f"relu{n}")
        net.dropout(f"drop{n}", x)
    net.finish(net.dense("fc8", x, 1000))


_SOLVER = Solver(
    (
        "base_lr: 0.01",
        'lr_policy: "step" gamma: 0.1 stepsize: 100000',
        "momentum: 0.9",
        "weight_decay: 0.0005",
    ),
    test_iter=1000,
    test_interval=1000,
    max_iter=450000,
)
_RECIPE = (
    "SGD with momentum 0.9 and weight decay 0.0005; the rate starts at 0.01 and falls to a tenth "
    "three times within 90 epochs. Weights start from a Gaussian of deviation 0.01, the biases "
    "of conv2, conv4, conv5 and the hidden inner products at a positive value so that the "
    "rectified units start alive. The batch is 256 here, 128 in the paper."
)
_DATA = """## Its data

Short sides of 256, the 256 pixels of the centre, the mean image, and the colours' components:

```console
$ protonet data images photos/ train.txt -o ilsvrc12_train_lmdb \\
    --short-side 256 --center-crop 256 --shuffle
$ protonet data images photos/ val.txt -o ilsvrc12_val_lmdb --short-side 256 --center-crop 256
$ protonet data mean ilsvrc12_train_lmdb -o imagenet_mean.binaryproto --pca
```

The last prints a `color_noise` message; put it into the transform_param of the TRAIN phase, and
every image is shifted along the principal components of the colours with a deviation of 0.1, as in
section 4.1 of the paper. Random crops of 227 and mirrors are in train_val.prototxt.

The paper's answers are means over ten crops: the corners, the centre, and their mirrors, of images
that are brought to 256x256 as the training images were and lose the mean image.

```console
$ protonet run deploy.prototxt --weights NET.caffemodel --image photos/ --short-side 256 \\
    --ten-crop --mean imagenet_mean.binaryproto
```
"""
_TRAINING = imagenet(
    256, 227, _THIN, 'crop_size: 227 mean_file: "imagenet_mean.binaryproto"', test_batch=50
)

ENTRIES = (
    Entry(
        name="alexnet",
        title="AlexNet",
        paper=_PAPER,
        shape=(10, 3, 227, 227),
        build=partial(_alexnet, group=2, norm=_CAFFE_NORM),
        training=_TRAINING,
        solver=_SOLVER,
        published="60,965,224",
        source="the count of Caffe's own AlexNet, whose weights fit this file",
        new="The net that won ILSVRC 2012: rectified units, training on two GPUs with half the "
        "filters on each (two groups here), local response normalisation, pooling windows that "
        "overlap, and dropout.",
        recipe=_RECIPE,
        differs="Normalisation follows Caffe's published AlexNet (k = 1, alpha divided by the "
        "window), not the paper's k = 2; alexnet_single has the paper's. The paper says 224, "
        "but 55 outputs at stride 4 need crops of 227.",
        more=_DATA,
    ),
    Entry(
        name="alexnet_single",
        title="AlexNet single tower",
        paper=_PAPER,
        shape=(1, 3, 227, 227),
        build=partial(_alexnet, norm=_PAPER_NORM),
        training=_TRAINING,
        solver=_SOLVER,
        published="62,378,344",
        source="counted in pytorchcv 0.0.74, `alexnet`; the two towers save 1,413,120",
        new="AlexNet as it is on one GPU: every filter of conv2, conv4 and conv5 sees all the "
        "maps before it. Normalisation has the paper's constants: k = 2, n = 5, alpha = 0.0001 "
        "(Caffe divides alpha by n, so the file says 0.0005), beta = 0.75.",
        recipe=_RECIPE,
        more=_DATA,
    ),
    Entry(
        name="alexnet_owt",
        title="AlexNet of 2014",
        paper=Paper(
            "A. Krizhevsky",
            "One weird trick for parallelizing convolutional neural networks",
            "arXiv 1404.5997",
            2014,
        ),
        shape=(1, 3, 224, 224),
        build=partial(_alexnet, widths=(64, 192, 384, 256, 256), pad=2),
        training=imagenet(128, 224, _THIN),
        solver=_SOLVER,
        published="61,100,840",
        source="torchvision's table of models, AlexNet",
        new="One tower with fewer filters: the net that the paper on data and model parallelism "
        "trains, and the one that most libraries of today call AlexNet. It has no "
        "normalisation, and pads conv1 so that it takes 224x224.",
        recipe="SGD with momentum 0.9 and weight decay 0.0005, batches of 128, and a rate of "
        "0.01 that falls to a tenth three times.",
    ),
)
