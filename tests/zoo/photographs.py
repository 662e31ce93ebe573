"""Ten classes of real colour: pieces of photographs that scikit-image and scikit-learn ship.

A class is a photograph, an image a 32x32 piece of it at half size. The pieces to train on come from
its left, those to test on from its right, so none is seen twice.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from protonet.data.datum import datum_of
from protonet.data.writing import write_database

PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/motorcycle_left.png"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
SIZE, STRIDE, MOST = 32, 8, 200


def path(package, file):
    """Where an installed package has a file, without importing it; None where it has not."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [Path(folder) / file for folder in folders]
    return next((p for p in found if p.exists()), None)


def pieces(image, left, right):
    """Pieces whose columns lie between two shares of the width, (3, 32, 32) each."""
    image = image.transpose(2, 0, 1)
    width = image.shape[2]
    start, stop = int(left * width), int(right * width) - SIZE
    corners = [
        (y, x)
        for y in range(0, image.shape[1] - SIZE + 1, STRIDE)
        for x in range(start, stop + 1, STRIDE)
    ]
    chosen = np.random.default_rng(1).permutation(corners)[:MOST]
    return [np.ascontiguousarray(image[:, y : y + SIZE, x : x + SIZE]) for y, x in chosen]


def write(folder):
    """cifar10_train_lmdb and cifar10_test_lmdb of the pieces, shuffled; how many in each."""
    counts = []
    for name, left, right in (("train", 0.0, 0.6), ("test", 0.6, 1.0)):
        labelled = []
        for label, (package, file) in enumerate(PHOTOGRAPHS):
            image = cv2.imread(str(path(package, file)))
            half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            labelled += [(piece, label) for piece in pieces(half, left, right)]
        order = np.random.default_rng(2).permutation(len(labelled))
        records = (
            (f"{n:08d}".encode(), datum_of(*labelled[i]).SerializeToString())
            for n, i in enumerate(order)
        )
        counts.append(write_database(folder / f"cifar10_{name}_lmdb", records, "lmdb", force=False))
    return counts
