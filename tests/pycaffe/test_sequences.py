"""Whatever a script does in whatever order: a net against one of numpy, as Caffe's code reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet.pycaffe as caffe

NET = """
force_backward: true
layer { name: "in" type: "Input" top: "x" top: "t"
  input_param { shape { dim: 3 dim: 2 dim: 2 } shape { dim: 3 dim: 4 } } }
layer { name: "flat" type: "Flatten" bottom: "x" top: "f" }
layer { name: "ip1" type: "InnerProduct" bottom: "f" top: "a"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }
layer { name: "ip2" type: "InnerProduct" bottom: "a" top: "b"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "sum" type: "Eltwise" bottom: "a" bottom: "b" top: "s" }
layer { name: "sig" type: "Sigmoid" bottom: "s" top: "g" }
layer { name: "loss" type: "EuclideanLoss" bottom: "g" bottom: "t" top: "l" loss_weight: 2 }
"""
LAYERS = ["in", "flat", "ip1", "relu", "a_relu_0_split", "ip2", "sum", "sig", "loss"]
BLOBS = ["x", "t", "f", "a", "a_relu_0_split_0", "a_relu_0_split_1", "b", "s", "g", "l"]


class Model:
    """The same net in numpy: blobs that live between passes, layers that overwrite them."""

    def __init__(self, params):
        self.params = {k: [v.copy() for v in values] for k, values in params.items()}
        self.grads = {k: [np.zeros_like(v) for v in values] for k, values in params.items()}
        self.data, self.diff = {}, {}
        self.batch = 3
        self.shape()
        self.diff["l"][...] = 2

    def shape(self):
        """New blobs of zeros, where the batch has grown or shrunk."""
        sizes = {"x": (2, 2), "t": (4,), "f": (4,), "a": (4,), "b": (4,), "s": (4,), "g": (4,)}
        for name, rest in sizes.items():
            if name not in self.data or len(self.data[name]) != self.batch:
                self.data[name] = np.zeros((self.batch, *rest))
                self.diff[name] = np.zeros((self.batch, *rest))
        self.data["f"] = self.data["x"].reshape(self.batch, 4)
        self.diff["f"] = self.diff["x"].reshape(self.batch, 4)
        for part in ("a_relu_0_split_0", "a_relu_0_split_1"):
            self.data[part] = self.data["a"]
            if part not in self.diff or len(self.diff[part]) != self.batch:
                self.diff[part] = np.zeros((self.batch, 4))
        self.data.setdefault("l", np.zeros(()))
        self.diff.setdefault("l", np.zeros(()))

    def forward(self, layer):
        d, (w1, b1), (w2, b2) = self.data, self.params["ip1"], self.params["ip2"]
        if layer == "ip1":
            d["a"][...] = d["f"] @ w1.T + b1
        elif layer == "relu":
            d["a"][...] = np.maximum(d["a"], 0)
        elif layer == "ip2":
            d["b"][...] = d["a"] @ w2.T + b2
        elif layer == "sum":
            d["s"][...] = d["a"] + d["b"]
        elif layer == "sig":
            d["g"][...] = 1 / (1 + np.exp(-d["s"]))
        elif layer == "loss":
            d["l"][...] = ((d["g"] - d["t"]) ** 2).sum() / (2 * self.batch)

    def backward(self, layer):
        d, g = self.data, self.diff
        w1, w2 = self.params["ip1"][0], self.params["ip2"][0]
        if layer == "loss":
            away = d["g"] - d["t"]
            g["g"][...] = g["l"] * away / self.batch
            g["t"][...] = -g["l"] * away / self.batch
        elif layer == "sig":
            g["s"][...] = g["g"] * d["g"] * (1 - d["g"])
        elif layer == "sum":
            g["a_relu_0_split_1"][...] = g["s"]
            g["b"][...] = g["s"]
        elif layer == "ip2":
            self.learn("ip2", g["b"], d["a"])
            g["a_relu_0_split_0"][...] = g["b"] @ w2
        elif layer == "a_relu_0_split":
            g["a"][...] = g["a_relu_0_split_0"] + g["a_relu_0_split_1"]
        elif layer == "relu":
            g["a"][...] = g["a"] * (d["a"] > 0)
        elif layer == "ip1":
            self.learn("ip1", g["a"], d["f"])
            g["f"][...] = g["a"] @ w1

    def learn(self, layer, top, bottom):
        self.grads[layer][0] += top.T @ bottom
        self.grads[layer][1] += top.sum(0)


index = st.integers(0, len(LAYERS) - 1)
seed = st.integers(0, 2**16)
operation = st.one_of(
    st.tuples(st.just("forward"), index, index),
    st.tuples(st.just("whole"), seed),
    st.tuples(st.just("back"), st.just(0)),
    st.tuples(st.just("write"), st.sampled_from(["x", "t", "f", "s", "b", "a", "g"]), seed),
    st.tuples(st.just("diff"), st.sampled_from(["s", "b", "a"]), seed),
    st.tuples(st.just("weights"), st.sampled_from(["ip1", "ip2"]), seed),
    st.tuples(st.just("hold"), st.sampled_from(BLOBS)),
    st.tuples(st.just("release"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("batch"), st.integers(1, 5)),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    made = tmp_path_factory.mktemp("net") / "net.prototxt"
    made.write_text(NET)
    return str(made)


def numbers(seed, shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Script:
    """What a script does to the net, done to the model, too."""

    def __init__(self, net, model):
        self.net, self.model, self.held = net, model, []

    def forward(self, one, other):
        start, end = sorted((one, other))
        self.net.forward(start=LAYERS[start], end=LAYERS[end])
        for layer in LAYERS[start : end + 1]:
            self.model.forward(layer)

    def back(self, _):
        self.net.backward()
        for layer in reversed(LAYERS):
            self.model.backward(layer)

    def whole(self, number):
        self.write("x", number)
        self.forward(0, len(LAYERS) - 1)
        self.back(0)

    def write(self, blob, number):
        values = numbers(number, self.model.data[blob].shape)
        self.net.blobs[blob].data[...] = values
        self.model.data[blob][...] = values

    def diff(self, blob, number):
        values = numbers(number, self.model.data[blob].shape)
        self.net.blobs[blob].diff[...] = values
        self.model.diff[blob][...] = values

    def weights(self, layer, number):
        values = numbers(number, self.model.params[layer][0].shape)
        self.net.params[layer][0].data[...] = values
        self.model.params[layer][0][...] = values

    def hold(self, blob):
        self.held.append((blob, self.net.blobs[blob].data))

    def release(self, _):
        self.held.clear()

    def clear(self, _):
        self.net.clear_param_diffs()
        for grads in self.model.grads.values():
            for grad in grads:
                grad[...] = 0

    def batch(self, size):
        """Another batch size, all computed anew: what is left of old numbers is not told."""
        if size == self.model.batch:
            return
        self.held.clear()
        self.model.batch = size
        self.net.blobs["x"].reshape(size, 2, 2)
        self.net.blobs["t"].reshape(size, 4)
        self.net.reshape()
        self.model.shape()
        self.write("t", size)
        for blob in BLOBS[:-1]:
            self.net.blobs[blob].diff[...] = 0
        self.whole(size)


def compare(net, model, held):
    for name, blob in net.blobs.items():
        np.testing.assert_allclose(blob.data, model.data[name], rtol=2e-3, atol=2e-3, err_msg=name)
        np.testing.assert_allclose(
            blob.diff, model.diff[name], rtol=2e-3, atol=2e-2, err_msg=f"{name}'s diff"
        )
    for layer, grads in model.grads.items():
        for blob, grad in zip(net.params[layer], grads, strict=True):
            np.testing.assert_allclose(blob.diff, grad, rtol=2e-3, atol=2e-1, err_msg=layer)
    for name, array in held:
        np.testing.assert_array_equal(array, net.blobs[name].data, err_msg=f"{name}, held")


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(operation, min_size=3, max_size=12))
def test_any_sequence_is_caffes(path, operations):
    net = caffe.Net(path, caffe.TRAIN)
    assert net._layer_names == LAYERS
    assert list(net.blobs) == BLOBS
    model = Model({k: [np.array(b.data, float) for b in v] for k, v in net.params.items()})
    script = Script(net, model)
    for name, *words in operations:
        getattr(script, name)(*words)
        compare(net, model, script.held)
