"""A layer's blob replaced by another net's: one memory for both, as for Caffe's shared pointers."""

import numpy as np
import pytest

import protonet.pycaffe as caffe
from protonet.diagnostics import NetError

NET = """force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "up" type: "Deconvolution" bottom: "x" top: "up"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "up" top: "ip"
  inner_product_param { num_output: 3 transpose: %s weight_filler { type: "xavier" } } }
layer { name: "loss" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture(params=["false", "true"])
def nets(tmp_path, request):
    (tmp_path / "net.prototxt").write_text(NET % request.param)
    made = [caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST) for _ in range(2)]
    values = np.random.RandomState(0).rand(2, 3, 5, 5)
    for net in made:
        net.blobs["x"].data[...] = values
    return made


def replaced(one, other):
    for mine, its in zip(one.layers, other.layers, strict=True):
        for index, blob in enumerate(its.blobs):
            mine.blobs[index] = blob


def test_the_layer_computes_with_the_others_numbers_and_saves_them(nets, tmp_path):
    one, other = nets
    expected = other.forward()["prob"].copy()
    assert abs(one.forward()["prob"] - expected).max() > 1e-3
    replaced(one, other)
    np.testing.assert_array_equal(one.forward()["prob"], expected)
    one.save(str(tmp_path / "w.caffemodel"))
    fresh = caffe.Net(str(tmp_path / "net.prototxt"), str(tmp_path / "w.caffemodel"), caffe.TEST)
    np.testing.assert_array_equal(fresh.params["ip"][0].data, other.params["ip"][0].data)


def test_what_is_written_into_one_is_in_the_other(nets):
    one, other = nets
    replaced(one, other)
    one.params["ip"][0].data[...] = 0.25
    other.params["up"][1].data[...] = 3
    assert (other.params["ip"][0].data == 0.25).all()
    assert (one.params["up"][1].data == 3).all()
    np.testing.assert_array_equal(one.forward()["prob"], other.forward()["prob"])


def test_gradients_are_one_too(nets):
    one, other = nets
    one.params["up"][0] = other.params["up"][0]
    one.forward()
    one.backward(prob=np.eye(3)[:2])
    assert abs(other.params["up"][0].diff).max() > 0
    np.testing.assert_array_equal(one.params["up"][0].diff, other.params["up"][0].diff)


def test_a_solvers_net_learns_the_others_numbers(tmp_path):
    (tmp_path / "net.prototxt").write_text("""
layer { name: "x" type: "DummyData" top: "x" top: "y" dummy_data_param {
  shape { dim: 2 dim: 3 } shape { dim: 2 dim: 1 } data_filler { type: "constant" value: 1 } } }
layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
  inner_product_param { num_output: 1 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "ip" bottom: "y" top: "loss" }""")
    (tmp_path / "solver.prototxt").write_text(
        f'net: "{tmp_path}/net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 5'
    )
    solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    other = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    solver.net.params["ip"][0] = other.params["ip"][0]
    solver.step(1)
    # by hand: ip is 0, the target 1, so each weight's gradient is -1
    np.testing.assert_allclose(other.params["ip"][0].data, [[0.1, 0.1, 0.1]], rtol=1e-6)


def test_what_does_not_fit_is_refused_and_changes_nothing(nets):
    one, other = nets
    before = one.forward()["prob"].copy()
    with pytest.raises(NetError, match=r"as many elements: blob 0 of layer 'ip' has \d+x\d+"):
        one.params["ip"][0] = other.params["up"][0]
    with pytest.raises(NetError, match="replaced by another blob, not ndarray"):
        one.params["ip"][1] = np.zeros(3)
    np.testing.assert_array_equal(one.forward()["prob"], before)
