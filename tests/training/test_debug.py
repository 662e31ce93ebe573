"""debug_info's lines against a forward and a backward pass by hand, in numpy."""

from __future__ import annotations

import io
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import solved

import protonet
from protonet.schema.pool import message
from protonet.training.log import CaffeLog

# Two layers read ip2; the bias of ip1 stays as it is; its weight has a name.
NET = solved.NET.replace(
    'bottom: "data" top: "ip1"',
    'bottom: "data" top: "ip1" param {{ name: "first" }} param {{ lr_mult: 0 }}',
).replace(
    'layer {{ name: "accuracy"',
    'layer {{ name: "half" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "half" '
    'loss_weight: 0.5 include {{ phase: TRAIN }} }}\nlayer {{ name: "accuracy"',
)
MORE = "max_iter: 1\ndisplay: 1\ndebug_info: true\ntest_iter: 1\ntest_interval: 1\n"


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """What a run from known weights says, without Caffe's prefixes."""
    monkeypatch.chdir(tmp_path)
    solved.write(tmp_path, "max_iter: 1\n", shuffle=False, dropout=0, net=NET)
    protonet.train("solver.prototxt", log="none")
    Path("tiny_iter_1.caffemodel").rename("start.caffemodel")
    solved.write(tmp_path, MORE, shuffle=False, dropout=0, net=NET)
    stream = io.StringIO()
    protonet.train("solver.prototxt", weights="start.caffemodel", log=CaffeLog(stream))
    return [line.partition("] ")[2] for line in stream.getvalue().splitlines()]


def start():
    """Weights of the first run, and the first four records, as Google's parser and h5py give."""
    net = message("NetParameter")
    net.ParseFromString(Path("start.caffemodel").read_bytes())
    layers = {layer.name: layer.blobs for layer in net.layer}
    blobs = {
        name: [np.array(b.data, np.float64).reshape(b.shape.dim) for b in layers[name]]
        for name in ("ip1", "ip2")
    }
    with h5py.File("train.h5") as file:
        x = file["data"][:4].reshape(4, -1).astype(np.float64)
        return blobs, x, file["label"][:4].astype(int).ravel()


def mean(array):
    return np.abs(array).sum() / array.size


def by_hand():
    """{start of a line: its number}, for what the training net's pass prints."""
    blobs, x, label = start()
    (w1, b1), (w2, b2) = blobs["ip1"], blobs["ip2"]
    before = x @ w1.T + b1
    hidden = np.maximum(before, 0)
    score = hidden @ w2.T + b2
    p = np.exp(score - score.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(4), label]).mean()
    one = (p - np.eye(3)[label]) / 4
    both = 1.5 * one
    back = both @ w2
    grads = {"ip1": [(back * (before > 0)).T @ x], "ip2": [both.T @ hidden, both.sum(0)]}
    made = {
        "[Forward] Layer data, top blob data data": mean(x),
        "[Forward] Layer data, top blob label data": mean(label),
        "[Forward] Layer ip1, top blob ip1 data": mean(before),
        "[Forward] Layer ip1, param blob first data": mean(w1),
        "[Forward] Layer ip1, param blob 1 data": mean(b1),
        "[Forward] Layer relu, top blob ip1 data": mean(hidden),
        "[Forward] Layer drop, top blob ip1 data": mean(hidden),
        "[Forward] Layer ip2, top blob ip2 data": mean(score),
        "[Forward] Layer ip2, param blob 0 data": mean(w2),
        "[Forward] Layer ip2, param blob 1 data": mean(b2),
        "[Forward] Layer loss, top blob loss data": loss,
        "[Forward] Layer half, top blob half data": loss,
        "[Backward] Layer half, bottom blob ip2 diff": mean(0.5 * one),
        "[Backward] Layer loss, bottom blob ip2 diff": mean(one),
        "[Backward] Layer ip2, bottom blob ip1 diff": mean(back),
        "[Backward] Layer ip2, param blob 0 diff": mean(grads["ip2"][0]),
        "[Backward] Layer ip2, param blob 1 diff": mean(grads["ip2"][1]),
        "[Backward] Layer drop, bottom blob ip1 diff": mean(back),
        "[Backward] Layer relu, bottom blob ip1 diff": mean(back * (before > 0)),
        "[Backward] Layer ip1, param blob 0 diff": mean(grads["ip1"][0]),
    }
    return made, blobs, grads


def test_every_mean_of_the_training_pass(lines):
    wanted, _, _ = by_hand()
    first = next(i for i, line in enumerate(lines) if "Test net output #1" in line) + 1
    numbers = [re.fullmatch(r"    (\[\w+\] .*): ([\d.e-]+)", line) for line in lines[first:]]
    found = [(match[1], float(match[2])) for match in numbers if match][: len(wanted)]
    assert [name for name, _ in found] == list(wanted)
    np.testing.assert_allclose([v for _, v in found], list(wanted.values()), rtol=1e-4, atol=1e-7)


def test_the_norms_of_all_parameters(lines):
    _, blobs, grads = by_hand()
    data = np.concatenate([b.ravel() for name in blobs for b in blobs[name]])
    diff = np.concatenate([g.ravel() for name in grads for g in grads[name]])
    (line,) = (line for line in lines if "All net params" in line)
    found = [float(n) for n in re.findall(r"[\d.]+(?:e-?\d+)?", line.partition("L1 norm")[2])]
    # "L1 norm = (data, diff); L2 norm = (data, diff)"; what does not learn has no gradient.
    wanted = [np.linalg.norm(array, order) for order in (1, 2) for array in (data, diff)]
    assert found[:2] == pytest.approx(wanted[:2], rel=1e-4)
    assert found[-2:] == pytest.approx(wanted[2:], rel=1e-4)


def test_the_update_is_that_of_the_first_step(lines):
    _, blobs, grads = by_hand()
    rate, decay = 0.05, 0.001
    wanted = {
        "ip1, param first": (blobs["ip1"][0], rate * (grads["ip1"][0] + decay * blobs["ip1"][0])),
        "ip2, param 0": (blobs["ip2"][0], rate * (grads["ip2"][0] + decay * blobs["ip2"][0])),
        "ip2, param 1": (blobs["ip2"][1], rate * (grads["ip2"][1] + decay * blobs["ip2"][1])),
    }
    for name, (data, diff) in wanted.items():
        (line,) = (line for line in lines if f"[Update] Layer {name} " in line)
        found = re.search(r"data: ([\d.e-]+); diff: ([\d.e-]+)$", line)
        assert float(found[1]) == pytest.approx(mean(data), rel=1e-4)
        assert float(found[2]) == pytest.approx(mean(diff), rel=1e-4)


def test_the_test_net_says_its_forward_pass(lines):
    end = next(i for i, line in enumerate(lines) if "Test net output #0" in line)
    said = [line for line in lines[:end] if "[Forward]" in line]
    assert "    [Forward] Layer ip1, param blob first data: " in "\n".join(said)
    assert said[-1].startswith("    [Forward] Layer accuracy, top blob accuracy data: ")
    assert not any("[Backward]" in line for line in lines[:end])


TIED = """name: "tied"
layer {{ name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param {{ source: "train_list.txt" batch_size: {batch} shuffle: {shuffle} }} }}
layer {{ name: "a" type: "InnerProduct" bottom: "data" top: "h" param {{ name: "w" }}
  inner_product_param {{ num_output: 4 weight_filler {{ type: "xavier" }} FIRST }} }}
layer {{ name: "b" type: "InnerProduct" bottom: "h" top: "y" param {{ name: "w" SHARE }}
  inner_product_param {{ num_output: 98 weight_filler {{ type: "xavier" }} SECOND }} }}
layer {{ name: "flat" type: "Flatten" bottom: "data" top: "x" }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "x" top: "loss"
  loss_weight: 0.01 }}
layer {{ name: "none" type: "Silence" bottom: "label" }}
"""


def tied_run(folder, first, second, share, more=""):
    net = TIED.replace("FIRST", first).replace("SECOND", second).replace("SHARE", share)
    solved.write(folder, f"max_iter: 3\n{more}", shuffle=False, net=net)
    return protonet.dump_blobs(protonet.train("solver.prototxt", log="none").net)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ("", "transpose: true", ""),
        ("", "", "share_mode: PERMISSIVE"),
        ("transpose: true", "", "share_mode: PERMISSIVE"),
        ("transpose: true", "transpose: true", "share_mode: PERMISSIVE"),
    ],
)
def test_shared_weights_train_by_hand_with_debug_info_and_without(
    tmp_path, monkeypatch, first, second, share
):
    monkeypatch.chdir(tmp_path)
    plain = tied_run(tmp_path, first, second, share)
    told = tied_run(tmp_path, first, second, share, "debug_info: true\ndisplay: 1\n")
    start = tied_run(tmp_path, first, second, share, "snapshot: 1\n") and caffemodel(1)
    for layer, blobs in plain.items():
        for one, two in zip(blobs, told[layer], strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        plain["a"][0].ravel(), tied_by_hand(start, first, second).ravel(), rtol=1e-3, atol=1e-6
    )


def caffemodel(iteration):
    net = message("NetParameter")
    net.ParseFromString(Path(f"tiny_iter_{iteration}.caffemodel").read_bytes())
    history = message("SolverState")
    history.ParseFromString(Path(f"tiny_iter_{iteration}.solverstate").read_bytes())
    blobs = [layer.blobs for layer in net.layer if layer.name in ("a", "b")]
    w, b1 = (np.array(b.data, np.float64) for b in blobs[0])
    b2 = np.array(blobs[1][1].data, np.float64)
    return [w, b1, b2], [np.array(h.data, np.float64) for h in history.history]


def tied_by_hand(start, first, second):
    """The shared weight after the second and third update, by SGD's own rule."""
    (w, b1, b2), momenta = start
    with h5py.File("train.h5") as file:
        records = file["data"][()].reshape(16, -1).astype(np.float64)
    for iteration in (1, 2):
        x = records[4 * iteration : 4 * iteration + 4]
        one = w.reshape(98, 4).T if first else w.reshape(4, 98)
        two = w.reshape(4, 98).T if second else w.reshape(98, 4)
        h = x @ one.T + b1
        e = 0.01 * (h @ two.T + b2 - x) / 4
        back = e @ two
        d1, d2 = back.T @ x, e.T @ h
        grad = (d1.T if first else d1).ravel() + (d2.T if second else d2).ravel()
        rate = 0.05 * (1 + 0.1 * iteration) ** -0.75
        grads = [grad, back.sum(0), e.sum(0)]
        for i, (value, g) in enumerate(zip((w, b1, b2), grads, strict=True)):
            momenta[i] = 0.9 * momenta[i] + rate * (g + 0.001 * value)
        w, b1, b2 = w - momenta[0], b1 - momenta[1], b2 - momenta[2]
    return w
