"""caffe.set_engine: the same arrays as the layers give, whatever a script reads and writes."""

from __future__ import annotations

import numpy as np
import pytest

from protonet import pycaffe as caffe
from protonet.api import read
from protonet.diagnostics import NetError
from protonet.pycaffe import control
from protonet.weights.caffemodel import write_caffemodel

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("translations_once")

DEPLOY = """
name: "two"
input: "x" input_shape { dim: 2 dim: 3 }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 4 } }
layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }
layer { name: "end" type: "InnerProduct" bottom: "fc" top: "y"
        inner_product_param { num_output: 2 } }
"""
LOSS = """
input: "x" input_shape { dim: 2 dim: 3 }
input: "t" input_shape { dim: 2 dim: 4 }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 4 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "fc" bottom: "t" top: "loss" }
"""
DRAW = np.random.default_rng(0)
WEIGHTS = {
    "fc": [DRAW.normal(size=(4, 3)), DRAW.normal(size=4)],
    "end": [DRAW.normal(size=(2, 4)), DRAW.normal(size=2)],
}


def hidden(x, weights=WEIGHTS):
    w, b = weights["fc"]
    return np.maximum(x @ w.T + b, 0)


def right(x, weights=WEIGHTS):
    w, b = weights["end"]
    return hidden(x, weights) @ w.T + b


def near(own, wanted):
    np.testing.assert_allclose(own, wanted, rtol=1e-4, atol=1e-5)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(DEPLOY)
    (tmp_path / "loss.prototxt").write_text(LOSS)
    write_caffemodel("net.caffemodel", read("net.prototxt").message, WEIGHTS)
    twice = {name: [2 * blob for blob in blobs] for name, blobs in WEIGHTS.items()}
    write_caffemodel("twice.caffemodel", read("net.prototxt").message, twice)
    caffe.set_engine("onnxruntime")
    yield twice
    caffe.set_engine("torch")


@pytest.fixture
def net(folder):
    assert folder  # where the files are
    return caffe.Net("net.prototxt", caffe.TEST, weights="net.caffemodel")


def test_outputs_what_is_read_and_what_is_held(net, capsys):
    first, second = DRAW.normal(size=(2, 2, 3))
    net.blobs["x"].data[...] = first
    near(net.forward()["y"], right(first))
    assert "engine: onnxruntime" in capsys.readouterr().err
    net.blobs["x"].data[...] = 99  # what is read late is of the pass that was
    near(net.blobs["fc"].data, hidden(first))
    held = net.blobs["fc"].data
    near(net.forward(x=second)["y"], right(second))
    near(held, hidden(second))


def test_another_batch(net):
    x = DRAW.normal(size=(5, 3))
    net.blobs["x"].reshape(5, 3)
    near(net.forward(x=x)["y"], right(x))
    near(net.blobs["fc"].data, hidden(x))


def test_weights_that_are_written_and_loaded(net, folder):
    x = DRAW.normal(size=(2, 3))
    near(net.forward(x=x)["y"], right(x))
    net.params["end"][1].data[...] += 1
    near(net.forward(x=x)["y"], right(x) + 1)
    net.copy_from("twice.caffemodel")
    near(net.forward(x=x)["y"], right(x, folder))
    net.params["end"][1].data[...] = 0
    w = folder["end"][0]
    near(net.forward(x=x)["y"], hidden(x, folder) @ w.T)


def test_weights_that_change_at_every_pass_are_left_to_pytorch(net, capsys):
    x = DRAW.normal(size=(2, 3))
    for step in range(6):
        near(net.forward(x=x)["y"], right(x) + step)
        net.params["end"][1].data[...] += 1
    assert "engine: torch; its weights change from pass to pass" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_a_net_that_goes_backward_is_left_to_pytorch(capsys):
    net = caffe.Net("loss.prototxt", caffe.TEST)
    net.forward(x=np.ones((2, 3)), t=np.ones((2, 4)))
    net.backward()
    assert net.params["fc"][1].diff.tolist() == [-1] * 4
    assert "engine: torch; the net can go backward" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_statistics_that_a_pass_changes_are_left_to_pytorch(tmp_path, capsys):
    (tmp_path / "bn.prototxt").write_text(
        'input: "x" input_shape { dim: 4 dim: 3 } layer { name: "bn" type: "BatchNorm" '
        'bottom: "x" top: "y" batch_norm_param { use_global_stats: false } }'
    )
    net = caffe.Net("bn.prototxt", caffe.TEST)
    x = DRAW.normal(size=(4, 3)).astype(np.float32)
    near(net.forward(x=x)["y"], (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
    near(net.params["bn"][0].data, x.mean(0))
    assert "engine: torch; a pass changes what its layers hold" in capsys.readouterr().err


def test_no_other_engine():
    with pytest.raises(NetError, match="an engine is torch, onnxruntime, auto, not 'tvm'"):
        caffe.set_engine("tvm")
    assert control.engine() == "torch"
