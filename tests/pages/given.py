"""Files that a page's blocks find where they run, each made by a function of its path."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import cv2
import numpy as np

import protonet
from protonet.zoo.catalogue import with_data

ZOO = Path(__file__).parents[2] / "zoo_prototxt"


def small(path):
    """A classifier of 300 classes, whose scores are its biases where the image is black."""
    path.write_text(
        'name: "Small"\ninput: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
        'layer { name: "fc7" type: "InnerProduct" bottom: "data" top: "fc7"\n'
        "        inner_product_param { num_output: 300 } }\n"
        'layer { name: "prob" type: "Softmax" bottom: "fc7" top: "prob" }\n'
    )


def small_weights(path):
    net = protonet.compile("deploy.prototxt")
    bias = np.full(300, -9.0)
    bias[[281, 282]] = np.log([0.5021, 0.3127]) - np.log(1 - 0.5021 - 0.3127) + np.log(298) - 9
    protonet.load_blobs(net, {"fc7": [np.zeros((300, 192)), bias]})
    protonet.save(net, path)


def black(path):
    cv2.imwrite(str(path), np.zeros((9, 9, 3), np.uint8))


def lenet(path):
    shutil.copy(ZOO / "lenet" / "deploy.prototxt", path)


def stopped(_path):
    """Solver, net and the two files that Caffe keeps of a run, after four steps."""
    trains(Path("train_val.prototxt"))
    solver = (
        'net: "train_val.prototxt"\nbase_lr: 0.01 lr_policy: "fixed" momentum: 0.9\n'
        'max_iter: 4\ndisplay: 2\nsnapshot_prefix: "lenet"\nrandom_seed: 1\n'
    )
    Path("solver.prototxt").write_text(solver, encoding="utf-8")
    protonet.train("solver.prototxt", log="none")
    Path("lenet_iter_4.position.json").unlink()
    Path("solver.prototxt").write_text(solver.replace("max_iter: 4", "max_iter: 8"))


def digits(path):
    """LeNet after forty steps, as the page of ten minutes has it."""
    solver = (
        f'net: "{(ZOO / "lenet" / "train_val.prototxt").as_posix()}"\n'
        'base_lr: 0.02 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.0005\n'
        "max_iter: 40 snapshot_after_train: false random_seed: 1\n"
    )
    protonet.save(protonet.train(solver, log="none").net, path)


def photos(path):
    """Two hundred digits as images, a folder of even ones and one of odd ones."""
    definition = ZOO / "lenet" / "train_val.prototxt"
    with protonet.batches(definition, phase="TRAIN", seed=7) as batches:
        for _ in range(4):
            batch = next(batches)
            for image, label in list(zip(batch["data"], batch["label"], strict=True))[:50]:
                folder = path / ("odd" if int(label) % 2 else "even")
                folder.mkdir(parents=True, exist_ok=True)
                number = len(list(path.rglob("*.png")))
                cv2.imwrite(str(folder / f"{number:03}.png"), image[0].numpy() * 256)


def listed(path):
    files = sorted(Path("photos").rglob("*.png"))
    lines = (f"{f.relative_to('photos')} {int(f.parent.name == 'odd')}\n" for f in files)
    path.write_text("".join(lines), encoding="utf-8")


def mnist(_path):
    """Images and labels as MNIST's own files hold them."""
    images = np.random.RandomState(0).randint(0, 256, (6, 28, 28)).astype(np.uint8)
    for name, magic, values in (
        ("images-idx3", 2051, images),
        ("labels-idx1", 2049, images[:, 0, 0] % 10),
    ):
        header = np.array([magic, *values.shape], ">u4").tobytes()
        Path(f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))


def trains(path):
    """LeNet for training, where its digits are; a solver stops after ten steps."""
    texts = with_data({path.name: (ZOO / "lenet" / path.name).read_text(encoding="utf-8")})
    short = texts[path.name].replace("max_iter: 1000", "max_iter: 10")
    path.write_text(short.replace("display: 100", "display: 10"), encoding="utf-8")


def lenet_weights(_path):
    protonet.save(protonet.compile("net.prototxt"), "net.caffemodel")


def digit(path):
    cv2.imwrite(str(path), np.zeros((28, 28), np.uint8))


def mistaken(_path):
    """A net with a bottom that no layer gives."""
    Path("wrong.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data"\n'
        "        input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }\n"
        'layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"\n'
        "        convolution_param { num_output: 4 kernel_size: 3 } }\n"
        'layer {\n  name: "conv2" type: "Convolution"\n  bottom: "conv_1"\n  top: "conv2"\n'
        "  convolution_param { num_output: 4 kernel_size: 3 }\n}\n"
    )


GIVEN = {
    "net.caffemodel of it": lenet_weights,
    "digit.png": digit,
    "a mistake": mistaken,
    "zoo_prototxt": lambda path: path.symlink_to(ZOO),
    "train_val.prototxt": trains,
    "solver.prototxt": trains,
    "snapshot of Caffe": stopped,
    "deploy.prototxt": small,
    "net.caffemodel": small_weights,
    "cat.png": black,
    "net.prototxt": lenet,
    "aspp.prototxt": lambda path: shutil.copy(ZOO / "teaching" / path.name, path),
    "digits.caffemodel": digits,
    "photos": photos,
    "train.txt": listed,
    "train-images-idx3-ubyte.gz": mnist,
}
