"""The zoo's recipes train: LeNet-5 on real digits, a ResNet and its plain twin on real colour."""

from __future__ import annotations

import math

import photographs
import pytest

import protonet
from protonet.zoo.catalogue import folder

pytestmark = pytest.mark.slow


def trained(solver, monkeypatch, where):
    """What a run ends with; snapshots go into ``where``."""
    monkeypatch.chdir(where)
    return protonet.train(solver, device="cpu", log="none")


def changed(path, where, *changes):
    """A copy of a file with some fields changed: minutes instead of days."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (where / path.name).write_text(text, encoding="utf-8")
    return where / path.name


def accuracy(done):
    return next(score.value for score in done.tests[0] if score.blob == "accuracy")


# LeNet is Caffe's recipe cut to a tenth, half a minute, which reads 96.4 % here.
@pytest.mark.parametrize(("name", "least"), [("lenet5", 0.97), ("lenet", 0.95)])
def test_digits(name, least, monkeypatch, tmp_path):
    done = trained(folder() / name / "solver.prototxt", monkeypatch, tmp_path)
    assert accuracy(done) >= least


@pytest.mark.skipif(
    not all(photographs.path(*photograph) for photograph in photographs.PHOTOGRAPHS),
    reason="pip install --no-deps scikit-image==0.26.0 scikit-learn",
)
@pytest.mark.parametrize("name", ["resnet20_cifar", "plain20_cifar"])
def test_colour(name, monkeypatch, tmp_path):
    counts = photographs.write(tmp_path)
    assert min(counts) >= 1000
    changed(
        folder() / name / "train_val.prototxt",
        tmp_path,
        ("batch_size: 128", "batch_size: 32"),
        # Statistics of the last tens of iterations: Caffe's 0.999 averages over a thousand.
        (
            'type: "BatchNorm"',
            'type: "BatchNorm" batch_norm_param { moving_average_fraction: 0.9 }',
        ),
    )
    solver = changed(
        folder() / name / "solver.prototxt",
        tmp_path,
        ("base_lr: 0.1", "base_lr: 0.025"),  # a quarter of the rate for a quarter of the batch
        (
            "max_iter: 64000",
            "max_iter: 120 average_loss: 20 random_seed: 1 test_initialization: false",
        ),
        ("stepvalue: 32000", "stepvalue: 90"),
        ("test_interval: 1000", "test_interval: 120"),
        ("test_iter: 100", "test_iter: 5"),
    )
    done = trained(solver, monkeypatch, tmp_path)
    # An even guess over ten classes loses log(10) and is right one time in ten. Measured: a mean of
    # 1.23 and 1.37 over the last 20 batches, and 0.68 and 0.52 of the unseen pieces are right; the
    # plain net learns more slowly, as the paper has it.
    assert done.loss < 0.75 * math.log(10)
    assert accuracy(done) >= 0.4
