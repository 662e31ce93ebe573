"""A small SSD learns a drawn set end to end: commands, loss, mean average precision."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner

from protonet.cli.data import command as data
from protonet.cli.test import command as evaluation
from protonet.cli.train import command as training
from protonet.data.detection.shapes import CLASSES


def run(command, *arguments):
    done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def shapes(tmp_path, monkeypatch):
    """The set, its databases, its net and its solver, in the working directory."""

    def made(*options):
        run(data, "shapes", "-o", "shapes", "--detector", *options)
        for part in ("train", "test"):
            folder = f"shapes/{part}_lmdb"
            run(data, "annotated", "shapes", "--set", part, "-o", folder, "--shuffle")
        return tmp_path / "shapes"

    monkeypatch.chdir(tmp_path)
    return made


@pytest.mark.slow
def test_its_net_takes_a_step_and_is_tested(shapes):
    """Few images, one update: the loss is a number, and so is the precision."""
    folder = shapes("--train", 8, "--test", 3, "--size", 48)
    net = (folder / "train_val.prototxt").read_text()
    (folder / "train_val.prototxt").write_text(re.sub(r"batch_size: \d+", "batch_size: 3", net))
    solver = (folder / "solver.prototxt").read_text()
    for field, value in (("max_iter", 1), ("test_interval", 1), ("display", 1), ("stepvalue", 1)):
        solver = re.sub(rf"{field}: \d+", f"{field}: {value}", solver)
    (folder / "solver.prototxt").write_text(solver)
    done = run(training, "shapes/solver.prototxt", "--device", "cpu", "--log", "caffe")
    assert re.search(r"Test net output #0: detection_eval = 0", done.stderr)
    assert re.search(r"Iteration 0.*, loss = \d", done.stderr)


@pytest.mark.slow
def test_it_learns(shapes):
    """In minutes on two cores: 600 pictures to learn from, 100 others to find 0.8 of."""
    shapes()
    done = run(training, "shapes/solver.prototxt", "--device", "cpu", "--log", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    losses = [line["loss"] for line in lines if line["event"] == "train"]
    assert losses[-1] < losses[0] / 3
    weights = ["--weights", "detector_iter_800.caffemodel", "--iterations", 4]
    found = {}
    for version in ("11point", "MaxIntegral", "Integral"):
        options = ("--ap-version", version, "--classes", "--device", "cpu")
        shown = run(evaluation, "shapes/train_val.prototxt", *weights, *options).stdout
        found[version] = float(re.search(r"detection_eval = ([\d.]+)", shown)[1])
        each = [float(one) for one in re.findall(r"class\d: ([\d.]+)", shown)]
        assert len(each) == len(CLASSES)
        assert sum(each) / len(each) == pytest.approx(found[version], abs=1e-4)
    assert min(found.values()) > 0.8
    assert found["Integral"] <= found["MaxIntegral"]
