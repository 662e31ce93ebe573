"""The mean average precision of a test net: numbers of SSD's own rule, a number at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.cli.test import command
from protonet.diagnostics import NetError
from protonet.training.precision import Verdicts, average_precision

F = np.float32
VERSIONS = ("11point", "MaxIntegral", "Integral")


def by_hand(found, count, version):
    """ComputeAP in single precision, its loops as they stand."""
    if not found or not count:
        return F(0)
    found = sorted(found, key=lambda pair: -F(pair[0]))
    hits, prec, rec = 0, [], []
    for place, (_, right) in enumerate(found, 1):
        hits += right
        prec.append(F(hits) / F(place))
        rec.append(F(hits) / F(count))
    return {"11point": eleven, "MaxIntegral": highest, "Integral": area}[version](prec, rec)


def eleven(prec, rec):
    best, start = [F(0)] * 11, len(rec) - 1
    for j in range(10, -1, -1):
        for i in range(start, -1, -1):
            if float(rec[i]) < j / 10.0:
                start = i
                if j > 0:
                    best[j - 1] = best[j]
                break
            best[j] = max(best[j], prec[i])
    return sum((value / F(11) for value in reversed(best)), F(0))


def highest(prec, rec):
    total, recall, precision = F(0), rec[-1], prec[-1]
    for i in range(len(rec) - 2, -1, -1):
        precision = max(prec[i], precision)
        if abs(recall - rec[i]) > 1e-6:
            total += precision * abs(recall - rec[i])
        recall = rec[i]
    return total + recall * precision


def area(prec, rec):
    total, before = F(0), F(0)
    for i in range(len(rec)):
        if abs(rec[i] - before) > 1e-6:
            total += prec[i] * abs(rec[i] - before)
        before = rec[i]
    return total


@pytest.mark.parametrize("version", VERSIONS)
def test_average_precisions(version):
    generator = np.random.RandomState(0)
    for _ in range(300):
        count, most = generator.randint(1, 12), generator.randint(0, 25)
        right = np.zeros(most, int)
        right[: min(count, most)] = generator.rand(min(count, most)) < 0.7
        generator.shuffle(right)
        scores = generator.choice([0.1, 0.3, 0.3, 0.7, 0.9], most).round(2)
        found = list(zip(scores.tolist(), right.tolist(), strict=True))
        wanted = by_hand(found, count, version)
        assert average_precision(found, int(count), version) == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize(
    ("version", "wanted"), [("11point", 6 / 11), ("MaxIntegral", 0.75), ("Integral", 0.5)]
)
def test_one_right_of_two(version, wanted):
    """A right box before a wrong one, of two true ones: recall 1/2 at precision 1."""
    assert average_precision([(0.9, 1), (0.8, 0)], 2, version) == pytest.approx(
        0.5 if version == "MaxIntegral" else wanted
    )


def test_verdicts_of_several_batches_are_ranked_together():
    verdicts = Verdicts()
    verdicts.add(np.array([[-1, 1, 1, -1, -1], [-1, 2, 0, -1, -1], [0, 1, 0.4, 1, 0]], F))
    verdicts.add(np.array([[-1, 1, 1, -1, -1], [-1, 2, 3, -1, -1], [0, 1, 0.9, 0, 1]], F))
    verdicts.add(np.array([[3, 2, 0.9, 0, 0]], F))  # on a difficult box
    assert verdicts.counts == {1: 2, 2: 3}
    assert verdicts.precisions("Integral") == {1: 0.25, 2: 0}
    assert verdicts.mean("Integral") == pytest.approx(0.125)


def test_an_image_where_nothing_was_found_has_no_verdict():
    """DetectionOutput gives such images rows of -1 behind their number."""
    found = torch.tensor([[0.0, *[-1] * 6], [1.0, *[-1] * 6]])[None, None]
    truth = torch.tensor([[0.0, 1, 0, 0.1, 0.1, 0.5, 0.5, 0]])[None, None]
    made = protonet.compile(
        'input: "found" input_shape { dim: 1 dim: 1 dim: 2 dim: 7 } '
        'input: "truth" input_shape { dim: 1 dim: 1 dim: 1 dim: 8 } '
        'layer { name: "e" type: "DetectionEvaluate" bottom: "found" bottom: "truth" top: "rows" '
        "detection_evaluate_param { num_classes: 3 } }"
    )
    rows = made(found, truth)
    np.testing.assert_array_equal(rows[0, 0], [[-1, 1, 1, -1, -1], [-1, 2, 0, -1, -1]])


BOXES = np.array(
    [
        *([0, 1, 0, 0.1, 0.1, 0.4, 0.4, 0], [0, 2, 0, 0.5, 0.5, 0.9, 0.9, 0]),
        [1, 1, 0, 0.2, 0.2, 0.6, 0.6, 0],
    ]
)
FOUND = np.array(
    [
        *([0, 1, 0.9, 0.1, 0.1, 0.4, 0.4], [0, 2, 0.8, 0.1, 0.5, 0.4, 0.9]),
        *([0, 2, 0.5, 0.5, 0.5, 0.9, 0.88], [1, 1, 0.7, 0.6, 0.6, 0.9, 0.9]),
    ]
)


NET = """
layer { name: "found" type: "Parameter" top: "found"
        parameter_param { shape { dim: 1 dim: 1 dim: 4 dim: 7 } } }
layer { name: "truth" type: "Parameter" top: "truth"
        parameter_param { shape { dim: 1 dim: 1 dim: 3 dim: 8 } } }
layer { name: "eval" type: "DetectionEvaluate" bottom: "found" bottom: "truth" top: "mAP"
        detection_evaluate_param { num_classes: 3 } }
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A net that finds four boxes, three of them true ones, and its weights."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    made = protonet.compile("net.prototxt", phase="TEST")
    with torch.no_grad():
        for parameter, values in zip(made.parameters(), (FOUND, BOXES), strict=True):
            parameter.copy_(torch.tensor(values, dtype=torch.float32)[None, None])
    protonet.save(made, "net.caffemodel")
    return tmp_path


def run(*options):
    arguments = ["net.prototxt", "--weights", "net.caffemodel", "--iterations", "2", *options]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


@pytest.mark.usefixtures("net")
@pytest.mark.parametrize("version", VERSIONS)
def test_the_command_prints_the_mean_of_the_classes(version):
    """Twice the same batch: two of four boxes of class 1 are right, and two of four of class 2."""
    first = by_hand([(0.9, 1), (0.7, 0), (0.9, 1), (0.7, 0)], 4, version)
    second = by_hand([(0.8, 0), (0.5, 1), (0.8, 0), (0.5, 1)], 2, version)
    lines = run("--ap-version", version, "--classes")
    assert lines == [
        f"class1: {first:g}",
        f"class2: {second:g}",
        f"mAP = {(first + second) / 2:g}",
    ]


@pytest.mark.usefixtures("net")
def test_each_batch_is_told_where_that_is_asked_for():
    lines = run("--batches")
    assert lines[0].startswith("Batch 0, mAP = ")
    assert len(lines) == 3


SOLVER = """
train_net: "train.prototxt" test_net: "net.prototxt" test_iter: 2 test_interval: 1
base_lr: 0 lr_policy: "fixed" max_iter: 1 snapshot_after_train: false
"""
TRAIN = """
layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 2 dim: 3 } } }
layer { name: "found" type: "Parameter" top: "found"
        parameter_param { shape { dim: 1 dim: 1 dim: 4 dim: 7 } } }
layer { name: "truth" type: "Parameter" top: "truth"
        parameter_param { shape { dim: 1 dim: 1 dim: 3 dim: 8 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 3 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "x" top: "loss" }
layer { name: "quiet" type: "Silence" bottom: "found" bottom: "truth" }
"""


def trained(net, fields, capsys):
    (net / "train.prototxt").write_text(TRAIN)
    (net / "solver.prototxt").write_text(SOLVER + fields)
    protonet.train("solver.prototxt", weights="net.caffemodel", log="caffe")
    return capsys.readouterr().err


def test_training_logs_the_mean_average_precision(net, capsys):
    fields = 'eval_type: "detection" ap_version: "MaxIntegral" show_per_class_result: true\n'
    shown = trained(net, fields, capsys)
    first = by_hand([(0.9, 1), (0.7, 0), (0.9, 1), (0.7, 0)], 4, "MaxIntegral")
    second = by_hand([(0.8, 0), (0.5, 1), (0.8, 0), (0.5, 1)], 2, "MaxIntegral")
    assert f"class1: {first:g}" in shown
    assert f"class2: {second:g}" in shown
    assert f"    Test net output #0: mAP = {(first + second) / 2:g}" in shown


def test_what_a_fork_prints_without_having_published_it(net, capsys):
    with pytest.raises(NetError, match="show_pr_value is a fork's, not supported") as caught:
        trained(net, "show_pr_value: true\n", capsys)
    assert "published nowhere" in str(caught.value)


def test_a_detector_is_not_averaged_as_a_classifier(net, capsys):
    with pytest.raises(NetError, match="whose rows have no mean") as caught:
        trained(net, "", capsys)
    assert 'eval_type: "detection"' in str(caught.value)


def test_an_evaluation_that_no_layer_makes(net):
    (net / "train.prototxt").write_text(TRAIN)
    (net / "net.prototxt").write_text(TRAIN)
    (net / "solver.prototxt").write_text(SOLVER + 'eval_type: "detection"\n')
    with pytest.raises(NetError, match="has no DetectionEvaluate layer"):
        protonet.train("solver.prototxt")


BACKGROUND = """
layer { name: "d" type: "DummyData" top: "x" top: "s" top: "prior" top: "label" dummy_data_param {
  shape { dim: 1 dim: 8 } shape { dim: 1 dim: 6 } shape { dim: 1 dim: 2 dim: 8 }
  shape { dim: 1 dim: 1 dim: 2 dim: 8 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 8 } }
layer { name: "loss" type: "MultiBoxLoss" bottom: "y" bottom: "s" bottom: "prior" bottom: "label"
        top: "l" multibox_loss_param { num_classes: 3 } }
"""


def test_a_true_box_of_the_background_ends_training_with_its_layer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(BACKGROUND)
    (tmp_path / "solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 snapshot: 0'
    )
    with pytest.raises(NetError, match=r"'loss' .* can't take this batch: a box") as caught:
        protonet.train("solver.prototxt", log="none")
    assert "has the label 0, the background's" in caught.value.message
