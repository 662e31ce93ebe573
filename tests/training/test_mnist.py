"""LeNet on the real MNIST: Caffe's own run, and one from scratch.

The folder with MNIST's four files is named by PROTONET_MNIST; .ci/run fetches them.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import lmdb
import numpy as np
import pytest

import protonet
from protonet.schema.pool import message
from protonet.training.log import Log

GOLDEN = Path(__file__).parents[1] / "golden" / "mnist"
MNIST = os.environ.get("PROTONET_MNIST", "")

pytestmark = pytest.mark.skipif(
    not MNIST, reason="PROTONET_MNIST does not name the folder with MNIST's four files"
)


class Heard(Log):
    def __init__(self):
        self.losses, self.means = {}, {}

    def trained(self, iteration, loss, scores, speed):
        if scores:
            self.losses[iteration] = loss

    def tested(self, iteration, number, scores, loss):
        self.means[iteration] = {score.blob: score.value for score in scores}


def read_idx(path, count=None):
    """An IDX file's array; of a long one only the first entries are read."""
    with path.open("rb") as file:
        axes = file.read(4)[3]
        shape = np.frombuffer(file.read(4 * axes), ">i4")
        rows = min(count or shape[0], shape[0])
        data = file.read(int(rows * np.prod(shape[1:])))
    return np.frombuffer(data, np.uint8).reshape(rows, *shape[1:])


def make_database(folder, kind, count=None):
    """The first images of MNIST as raw Datum records, in the order of the file."""
    images = read_idx(Path(MNIST) / f"{kind}-images-idx3-ubyte", count)
    labels = read_idx(Path(MNIST) / f"{kind}-labels-idx1-ubyte", count)
    path = str(folder / f"mnist_{kind}_lmdb")
    with lmdb.open(path, map_size=1 << 30) as database, database.begin(write=True) as writing:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            datum = message("Datum")
            datum.channels, datum.height, datum.width = 1, *image.shape
            datum.data, datum.label = image.tobytes(), int(label)
            writing.put(f"{number:08}".encode(), datum.SerializeToString())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for path in GOLDEN.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_reference_run(folder):
    make_database(folder, "train", 100 * 64)
    make_database(folder, "t10k")
    heard = Heard()
    state = "lenet_iter_500.solverstate"
    protonet.train("resume_solver.prototxt", snapshot=state, log=heard)
    caffe = json.loads((GOLDEN / "resumed_losses.json").read_text())
    assert len(caffe["train"]) == 100
    for iteration, loss in caffe["train"]:
        assert heard.losses[iteration] == pytest.approx(loss, abs=1e-3), iteration
    for iteration, blob, mean in caffe["test"]:
        close = 5e-4 if blob == "accuracy" else 1e-3
        assert heard.means[iteration][blob] == pytest.approx(mean, abs=close)


@pytest.mark.slow
def test_from_scratch(folder):
    make_database(folder, "train")
    make_database(folder, "t10k")
    text = Path("resume_solver.prototxt").read_text()
    changes = {
        "max_iter: 600": "max_iter: 1000",
        "test_interval: 100": "test_interval: 1000",
        "snapshot: 500": "test_initialization: false random_seed: 1",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    Path("solver.prototxt").write_text(text)
    heard = Heard()
    protonet.train("solver.prototxt", log=heard)
    assert heard.means[1000]["accuracy"] >= 0.98
