"""What a run does besides updates: tests, logs, bad numbers, what is left in files."""

from __future__ import annotations

import functools
import io
import json
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import solved
import torch
from rich.console import Console

import protonet
from protonet.diagnostics import NetError
from protonet.schema.pool import message
from protonet.training.log import CaffeLog, JsonLog, Log
from protonet.training.progress import ProgressLog

TESTED = "test_iter: 4\ntest_interval: 3\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def caffe_lines(**options):
    stream = io.StringIO()
    protonet.train("solver.prototxt", log=CaffeLog(stream), **options)
    return stream.getvalue().splitlines()


def test_caffes_log_lines(folder):
    solved.write(
        folder, f"max_iter: 6\ndisplay: 2\naverage_loss: 2\ntest_compute_loss: true\n{TESTED}"
    )
    lines = caffe_lines()
    # What tools/extra/parse_log.py looks for in a line, and how it takes the time from it.
    for line in lines:
        first, clock = line.split()[:2]
        assert line[0] == "I"
        datetime.strptime(f"2026{first[1:]} {clock}", "%Y%m%d %H:%M:%S.%f")  # noqa: DTZ007
    text = "\n".join(lines)
    assert "Solving tiny" in text
    assert re.findall(r"Iteration (\d+) \(.* iter/s, .*s/2 iters\), loss = [\d.]+", text) == list(
        "024"
    )
    assert re.findall(r"Iteration (\d+), lr = ([\d.e-]+)", text) == [
        ("0", "0.05"),
        ("2", f"{0.05 * 1.2**-0.75:g}"),
        ("4", f"{0.05 * 1.4**-0.75:g}"),
    ]
    assert re.findall(r"Iteration (\d+), Testing net \(#0\)", text) == list("036")
    assert len(re.findall(r"    Test net output #0: accuracy = [\d.]+$", text, re.MULTILINE)) == 3
    tested = re.findall(r"    Test net output #1: loss = ([\d.]+) \(\* 1 = ([\d.]+) loss\)", text)
    losses = re.findall(r"Test loss: ([\d.]+)", text)
    assert [(a, a) for a in losses] == tested
    assert re.search(r"Iteration 6, loss = [\d.]+$", text, re.MULTILINE)
    assert lines[-1].endswith("Optimization Done.")


def test_json_lines(folder):
    solved.write(folder, f"max_iter: 4\ndisplay: 2\n{TESTED}")
    stream = io.StringIO()
    protonet.train("solver.prototxt", log=JsonLog(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "said"]
    assert kinds == ["started", "test", "train", "rate", "train", "rate", "test", "train"]
    assert events[1]["outputs"].keys() == {"accuracy", "loss"}
    assert events[1]["losses"] == ["loss"]


def test_the_loss_is_smoothed_as_caffe_does_it(folder):
    solved.write(folder, "max_iter: 8\ndisplay: 1\naverage_loss: 3\n")
    stream = io.StringIO()
    protonet.train("solver.prototxt", log=JsonLog(stream))
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    events = [event for event in events if event["event"] == "train"][:8]
    losses, smoothed = [], 0.0  # Solver::UpdateSmoothedLoss, a running mean in a ring
    for number, event in enumerate(events):
        loss = event["outputs"]["loss"]
        if len(losses) < 3:
            losses.append(loss)
            smoothed = (smoothed * (len(losses) - 1) + loss) / len(losses)
        else:
            smoothed += (loss - losses[number % 3]) / 3
            losses[number % 3] = loss
        assert event["loss"] == pytest.approx(smoothed, rel=1e-5)


def test_the_progress_line(folder):
    solved.write(folder, f"max_iter: 6\n{TESTED}")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    protonet.train("solver.prototxt", log=ProgressLog(console=console))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "iteration 3, test: accuracy" in text
    last = text.rstrip().splitlines()[-1]
    assert re.search(r"tiny .* 6/6 +loss [\d.]+ +lr [\d.]+ +[\d,]+ images/s", last), last


def test_tensorboard(folder):
    solved.write(folder, f"max_iter: 4\ndisplay: 2\n{TESTED}")
    protonet.train("solver.prototxt", log="none", tensorboard="board")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator("board")
    events.Reload()
    assert {"train/loss", "train/lr", "test0/accuracy"} <= set(events.Tags()["scalars"])
    assert [e.step for e in events.Scalars("test0/accuracy")] == [0, 3]


def test_a_board_that_is_a_file(folder):
    solved.write(folder, "max_iter: 1\n")
    with pytest.raises(NetError, match=r"--tensorboard net\.prototxt: this is a file"):
        protonet.train("solver.prototxt", log="none", tensorboard="net.prototxt")


def test_a_net_tested_over_no_batch_has_no_scores(folder):
    solved.write(folder, "max_iter: 2\ntest_iter: 0\ntest_interval: 1\n")
    lines = caffe_lines()
    assert sum("Testing net (#0)" in line for line in lines) == 3
    assert not any("Test net output" in line for line in lines)


def test_a_loss_that_is_no_number(folder):
    solved.write(folder, "max_iter: 30\nsnapshot: 2\n", dropout=0)
    text = Path("solver.prototxt").read_text()
    Path("solver.prototxt").write_text(text.replace("base_lr: 0.05", "base_lr: 1e18"))
    with pytest.raises(NetError) as raised:
        protonet.train("solver.prototxt", log="none")
    message = str(raised.value)
    assert re.search(r"iteration \d+: the loss is (nan|inf)", message)
    assert "layer 'ip" in message
    found = re.search(r"the last snapshot is (tiny_iter_\d+.solverstate)", message)
    if found:
        assert Path(found[1]).exists()


def test_weights_that_are_no_numbers_are_not_kept(folder):
    net = solved.NET.replace('top: "loss"', 'top: "loss" loss_weight: 1e30')
    solved.write(folder, "max_iter: 30\nsnapshot: 1\n", net=net)
    text = Path("solver.prototxt").read_text()
    Path("solver.prototxt").write_text(text.replace("base_lr: 0.05", "base_lr: 1e30"))
    with pytest.raises(NetError, match=r"blob 0 of layer 'ip\d' \(InnerProduct\) is not finite"):
        protonet.train("solver.prototxt", log="none")
    assert not list(folder.glob("tiny_iter_*"))


def test_a_label_beyond_the_classes_is_an_error_of_its_layer(folder):
    solved.write(folder, "max_iter: 3\n")
    text = Path("net.prototxt").read_text().replace("num_output: 3", "num_output: 2")
    Path("net.prototxt").write_text(text)
    words = r"layer 'loss' \(SoftmaxWithLoss\) can't take this batch: .*'label' \(.*to 2\)"
    with pytest.raises(NetError, match=words) as raised:
        protonet.train("solver.prototxt", log="none")
    assert "below the number of classes" in raised.value.hint
    assert raised.value.span is not None


def test_what_torch_refuses_otherwise_is_an_error_of_its_layer_as_well(folder):
    bn = 'layer { name: "bn" type: "BN" bottom: "ip2" top: "ip2" bn_param { bn_mode: LEARN } }'
    solved.write(folder, "max_iter: 3\n", batch=1)
    text = (
        Path("net.prototxt")
        .read_text()
        .replace('layer { name: "loss"', bn + '\nlayer { name: "loss"')
    )
    Path("net.prototxt").write_text(text)
    with pytest.raises(NetError, match=r"layer 'bn' \(BN\) can't take this batch: Expected more"):
        protonet.train("solver.prototxt", log="none")


def test_a_bad_number_in_the_data_is_named(folder):
    import h5py

    solved.write(folder, "max_iter: 30\n", shuffle=False)
    with h5py.File("train.h5", "r+") as file:
        file["data"][6, 0, 0, 0] = np.nan
    with pytest.raises(NetError, match=r"iteration 1: .*the data blob 'data' itself is not finite"):
        protonet.train("solver.prototxt", log="none")


def test_test_nets_hold_the_training_nets_blobs(folder):
    net = solved.NET.replace(
        'layer {{ name: "relu"',
        'layer {{ name: "bn" type: "BatchNorm" bottom: "ip1" top: "ip1" }}\nlayer {{ name: "relu"',
    )
    solved.write(folder, "max_iter: 5\ntest_iter: 4\ntest_iter: 4\ntest_interval: 5\n", net=net)
    trained = protonet.train("solver.prototxt", log="none")
    first, second = trained.tests[0], trained.tests[1]
    assert first == second
    # The same by hand: the stored statistics and weights of the last snapshot, all data once.
    blobs = protonet.dump_blobs(trained.net)
    import h5py

    with h5py.File("train.h5") as file:
        x, t = file["data"][()].reshape(16, -1), file["label"][()].astype(int)
    y = x @ blobs["ip1"][0].T + blobs["ip1"][1]
    mean, variance = (b / blobs["bn"][2] for b in blobs["bn"][:2])
    y = np.maximum((y - mean) / np.sqrt(variance + 1e-5), 0)
    y = y @ blobs["ip2"][0].T + blobs["ip2"][1]
    y -= y.max(1, keepdims=True)
    loss = (np.log(np.exp(y).sum(1)) - y[np.arange(16), t.ravel()]).mean()
    assert {s.blob: s.value for s in first}["loss"] == pytest.approx(loss, rel=1e-4)


def test_debug_info_prints_means_and_changes_nothing(folder):
    solved.write(folder, "max_iter: 4\n")
    plain = protonet.train("solver.prototxt", log="none")
    Path("solver.prototxt").write_text(
        Path("solver.prototxt").read_text() + "debug_info: true\ndisplay: 1\n"
    )
    lines = caffe_lines()
    other = protonet.train("solver.prototxt", log="none")
    for layer, blobs in protonet.dump_blobs(plain.net).items():
        for one, two in zip(blobs, protonet.dump_blobs(other.net)[layer], strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)
    text = "\n".join(lines)
    for words in (
        r"\[Forward\] Layer ip1, top blob ip1 data: [\d.]+",
        r"\[Forward\] Layer ip2, param blob 0 data: [\d.]+",
        r"\[Backward\] Layer ip2, bottom blob ip1 diff: [\d.]+",
        r"\[Backward\] Layer ip1, param blob 1 diff: [\d.]+",
        r"\[Backward\] All net params \(data, diff\): L1 norm = \(.*\); L2 norm = \(.*\)",
        r"\[Update\] Layer ip1, param 0 data: [\d.]+; diff: [\d.e-]+",
    ):
        assert re.search(words, text), words


def test_snapshot_diff_keeps_the_last_update(folder):
    solved.write(folder, "max_iter: 3\nsnapshot: 1\nsnapshot_diff: true\n")
    protonet.train("solver.prototxt", log="none")
    read = [message("NetParameter") for _ in range(2)]
    for made, iteration in zip(read, (2, 3), strict=True):
        made.ParseFromString(Path(f"tiny_iter_{iteration}.caffemodel").read_bytes())
    before, after = ({la.name: la for la in made.layer}["ip2"].blobs[0] for made in read)
    np.testing.assert_allclose(
        np.array(before.data) - np.array(after.data), after.diff, rtol=1e-3, atol=1e-6
    )


def test_weights_of_several_files_and_of_the_solver(folder):
    solved.write(folder, "max_iter: 1\nbase_lr: 0\n".replace("base_lr: 0\n", ""))
    first = protonet.train("solver.prototxt", log="none")
    solver = Path("solver.prototxt").read_text().replace("base_lr: 0.05", "base_lr: 0")
    renamed = Path("net.prototxt").read_text().replace('"ip2"', '"ip3"')
    Path("net.prototxt").write_text(renamed)
    Path("solver.prototxt").write_text(solver + 'weights: "tiny_iter_1.caffemodel"\n')
    lines = caffe_lines()
    assert any("Layers that it does not have: ip3" in line for line in lines)
    second = protonet.train("solver.prototxt", log="none")
    same = protonet.dump_blobs(second.net)["ip1"][0] == protonet.dump_blobs(first.net)["ip1"][0]
    assert same.all()
    wrong = Path("net.prototxt").read_text().replace("num_output: 12", "num_output: 5")
    Path("net.prototxt").write_text(wrong)
    with pytest.raises(
        NetError, match=r"tiny_iter_1.caffemodel.*'ip1'|'ip1'.*tiny_iter_1"
    ) as raised:
        protonet.train("solver.prototxt", log="none")
    assert "rename the layer" in raised.value.hint


def test_a_net_without_data_or_loss(folder):
    solved.write(folder, "max_iter: 1\n")
    text = Path("net.prototxt").read_text()
    Path("net.prototxt").write_text(text.replace('type: "SoftmaxWithLoss"', 'type: "Accuracy"'))
    with pytest.raises(NetError, match="has no loss"):
        protonet.train("solver.prototxt", log="none")
    Path("net.prototxt").write_text(
        'layer { name: "d" type: "DummyData" top: "x" top: "y" dummy_data_param '
        "{ shape { dim: 2 } shape { dim: 2 } } } "
        'layer { name: "l" type: "EuclideanLoss" bottom: "x" bottom: "y" top: "l" }'
    )
    with pytest.raises(NetError, match="learns no parameters"):
        protonet.train("solver.prototxt", log="none")
    Path("net.prototxt").write_text('input: "x" input_shape { dim: 1 }' + text)
    with pytest.raises(NetError, match="nothing gives the TRAIN net its data"):
        protonet.train("solver.prototxt", log="none")


@pytest.mark.parametrize("kind", ["DetectionData"])
def test_data_that_only_a_fork_reads(folder, kind):
    solved.write(folder, "max_iter: 1\n", net=solved.NET.replace('"HDF5Data"', f'"{kind}"'))
    with pytest.raises(
        NetError, match=rf"layer 'data' \({kind}\): its data can't be read"
    ) as raised:
        protonet.train("solver.prototxt", log="none")
    assert raised.value.span.line == 2
    assert "DummyData, EvalData, FrcnnRoiData, HDF5Data" in raised.value.hint


def test_bf16_is_close(folder):
    solved.write(folder, "max_iter: 6\n", dropout=0)
    plain = protonet.train("solver.prototxt", log="none")
    half = protonet.train("solver.prototxt", log="none", precision="bf16")
    assert half.loss == pytest.approx(plain.loss, rel=0.05)
    assert half.net.ip1.weight.dtype == torch.float32


def test_compile_runs_the_net_through_torch_compile(folder, monkeypatch):
    solved.write(folder, f"max_iter: 3\n{TESTED}", dropout=0)
    plain = protonet.train("solver.prototxt", log="none")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    compiled = protonet.train("solver.prototxt", log="none", compile=True)
    assert compiled.loss == pytest.approx(plain.loss, rel=1e-6)


def test_compile_without_a_compiler(folder, monkeypatch):
    def broken(*_):
        raise RuntimeError("no working C++ compiler is found")

    solved.write(folder, "max_iter: 1\n")
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=broken))
    with pytest.raises(NetError, match="no working C") as raised:
        protonet.train("solver.prototxt", log="none", compile=True)
    assert "leave --compile out" in raised.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"log": "jsn"}, "the log 'jsn' is unknown"),
        ({"precision": "fp16"}, "the precision 'fp16' is unknown"),
        ({"device": "gpu"}, "the device 'gpu' is unknown"),
        ({"effects": {"SIGINT": "halt"}}, "the effect 'halt' of SIGINT is unknown"),
        ({"effects": {"INT": "stop"}}, "no signal 'INT' is known"),
    ],
)
def test_unknown_options_are_refused(folder, options, words):
    solved.write(folder, "max_iter: 1\n")
    with pytest.raises(NetError, match=words):
        protonet.train("solver.prototxt", **{"log": "none", **options})
    assert not list(folder.glob("tiny*"))


def test_clipping_is_said(folder):
    solved.write(folder, "max_iter: 1\nclip_gradients: 0.01\n")
    assert any("Gradient clipping: scaling down" in line for line in caffe_lines())


def test_what_does_not_learn_counts_in_no_norm(folder):
    # Caffe computes no gradient under lr_mult 0 (param_propagate_down): it can't be clipped by it.
    frozen = 'bottom: "data" top: "ip1" param {{ lr_mult: 0 }} param {{ lr_mult: 0 }}'
    net = solved.NET.replace('bottom: "data" top: "ip1"', frozen)
    solved.write(folder, "max_iter: 1\nclip_gradients: 1e-6\n", net=net, shuffle=False, dropout=0)
    trained = protonet.train("solver.prototxt", log="none")
    assert all(parameter.requires_grad for parameter in trained.net.parameters())
    lines = caffe_lines()
    (line,) = (line for line in lines if "Gradient clipping" in line)
    found = float(re.search(r"L2 norm ([\d.e-]+) >", line)[1])
    solved.write(
        folder, "max_iter: 1\nmomentum: 0\nweight_decay: 0\n", net=net, shuffle=False, dropout=0
    )
    text = Path("solver.prototxt").read_text()
    text = text.replace("momentum: 0.9\n", "", 1).replace("weight_decay: 0.001\n", "", 1)
    Path("solver.prototxt").write_text(text + "snapshot_diff: true\n")
    protonet.train("solver.prototxt", log="none")
    net = message("NetParameter")
    net.ParseFromString(Path("tiny_iter_1.caffemodel").read_bytes())
    diffs = [np.array(b.diff) for la in net.layer if la.name == "ip2" for b in la.blobs]
    assert found == pytest.approx(np.linalg.norm(np.concatenate(diffs)) / 0.05, rel=1e-4)
    assert not any(np.any(b.diff) for la in net.layer if la.name == "ip1" for b in la.blobs)


def test_under_force_backward_what_is_frozen_counts_in_the_norm_and_stays(folder):
    frozen = 'bottom: "data" top: "ip1" param {{ lr_mult: 0 }} param {{ lr_mult: 0 }}'
    still = solved.NET.replace('bottom: "data" top: "ip1"', frozen)
    norms, weights = [], []
    for net in (solved.NET, "force_backward: true\n" + still, still):
        solved.write(
            folder, "max_iter: 1\nclip_gradients: 1e-6\n", net=net, shuffle=False, dropout=0
        )
        (line,) = (line for line in caffe_lines() if "Gradient clipping" in line)
        norms.append(re.search(r"L2 norm ([\d.e-]+) >", line)[1])
        weights.append(protonet.train("solver.prototxt", log="none").net.ip1.weight)
    assert norms[0] == norms[1] != norms[2]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])


def test_a_net_in_which_nothing_learns_runs_to_its_end(folder):
    frozen = " param {{ lr_mult: 0 }} param {{ lr_mult: 0 }} inner_product_param"
    net = solved.NET.replace(" inner_product_param", frozen)
    solved.write(folder, "max_iter: 2\n", net=net)
    assert protonet.train("solver.prototxt", log="none").iteration == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("kind", [CaffeLog, JsonLog])
def test_a_log_on_a_full_disk_ends_no_training(folder, kind):
    solved.write(folder, "max_iter: 300\ndisplay: 1\n")
    stream = Path("/dev/full").open("w")  # noqa: SIM115 (to close it is to write again)
    assert protonet.train("solver.prototxt", log=kind(stream)).iteration == 300
    assert Path("tiny_iter_300.solverstate").exists()
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_the_default_log_hears_everything(folder):
    solved.write(folder, "max_iter: 1\n")
    assert protonet.train("solver.prototxt", log=Log()).iteration == 1
