"""Blobs as scripts expect them: arrays over the net's own memory, in-place layers, reshaping."""

from __future__ import annotations

import numpy as np
import pytest

import protonet.pycaffe as caffe
from protonet.diagnostics import AsInCaffe, NetError

CONV = """
name: "net" force_backward: true
layer { name: "data" type: "Input" top: "data" input_param {
  shape { dim: 2 dim: 3 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "gaussian" std: 1 }
    bias_filler { type: "gaussian" std: 1 } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "pool" type: "Pooling" bottom: "conv" top: "pool"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
"""
LINEAR = """
layer { name: "flat" type: "Flatten" bottom: "pool" top: "flat" }
layer { name: "ip" type: "InnerProduct" bottom: "flat" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""


@pytest.fixture
def make(tmp_path):
    def made(text, phase=caffe.TEST, **more):
        path = tmp_path / "net.prototxt"
        path.write_text(text)
        return caffe.Net(str(path), phase, **more)

    return made


def random(*shape):
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def convolved(x, weight, bias):
    """A convolution by its definition."""
    k = weight.shape[2]
    n, _, h, w = x.shape
    out = np.zeros((n, len(weight), h - k + 1, w - k + 1))
    for i in range(k):
        for j in range(k):
            part = x[:, :, i : i + h - k + 1, j : j + w - k + 1]
            out += np.einsum("nchw,oc->nohw", part, weight[:, :, i, j])
    return out + bias[:, None, None]


def test_an_array_taken_before_forward_shows_what_comes(make):
    net = make(CONV)
    held = net.blobs["pool"].data
    part = net.blobs["conv"].data[1, 2]
    net.blobs["data"].data[...] = random(2, 3, 8, 8)
    net.forward()
    weight, bias = (blob.data for blob in net.params["conv"])
    wanted = np.maximum(convolved(net.blobs["data"].data, weight, bias), 0)
    np.testing.assert_allclose(part, wanted[1, 2], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(held, wanted.reshape(2, 4, 3, 2, 3, 2).max((3, 5)), rtol=1e-4)
    net.blobs["data"].data[...] = 0
    net.forward()
    np.testing.assert_allclose(held[0, :, 0, 0], np.maximum(bias, 0), rtol=1e-6)


def test_a_blob_holds_what_the_last_layer_in_place_wrote(make):
    net = make(CONV)
    net.blobs["data"].data[...] = random(2, 3, 8, 8)
    net.forward()
    assert net.blobs["conv"].data.min() == 0
    net.forward(end="conv")
    assert net.blobs["conv"].data.min() < 0
    before = net.blobs["conv"].data.copy()
    net.forward(start="relu", end="relu")
    np.testing.assert_array_equal(net.blobs["conv"].data, np.maximum(before, 0))


@pytest.mark.parametrize("hold", [False, True])
def test_gradients_through_a_layer_in_place(make, hold):
    text = CONV.replace('type: "ReLU"', 'type: "Sigmoid"')
    net = make(text)
    held = [blob.data for blob in net.blobs.values()] if hold else []
    x = random(2, 3, 8, 8)
    net.blobs["data"].data[...] = x
    net.forward()
    net.blobs["conv"].diff[...] = 1
    net.backward(start="relu")
    weight, bias = (blob.data for blob in net.params["conv"])
    y = 1 / (1 + np.exp(-convolved(x, weight, bias)))
    np.testing.assert_allclose(net.params["conv"][1].diff, (y * (1 - y)).sum((0, 2, 3)), rtol=1e-4)
    assert len(held) in (0, 3)


def test_net_surgery_takes_effect(make):
    net = make(CONV + LINEAR)
    weight = net.params["ip"][0]
    weight.data.flat = np.arange(weight.count)
    net.params["ip"][1].data[:] = [1, 2, 3, 4, 5]
    net.params["conv"][0].data[...] = 0
    net.params["conv"][1].data[...] = 1
    net.forward()
    wanted = np.arange(weight.count).reshape(5, -1).sum(1) + np.arange(1, 6)
    np.testing.assert_allclose(net.blobs["ip"].data[0], wanted)


def test_transposed_weights_are_caffes(make):
    net = make("""
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
      inner_product_param { num_output: 4 transpose: true
        weight_filler { type: "gaussian" std: 1 } } }
    """)
    weight = net.params["ip"][0]
    assert weight.shape == (3, 4)
    weight.data.flat = np.arange(12)
    net.blobs["x"].data[...] = x = random(2, 3)
    np.testing.assert_allclose(
        net.forward()["ip"], x @ np.arange(12).reshape(3, 4), rtol=1e-5, atol=1e-6
    )


def test_another_batch_size(make):
    net = make(CONV + LINEAR)
    old = net.blobs["data"].data
    net.blobs["data"].reshape(5, 3, 8, 8)
    assert net.blobs["prob"].shape == (2, 5)
    net.reshape()
    assert net.blobs["prob"].shape == (5, 5)
    x = random(5, 3, 8, 8)
    net.blobs["data"].data[...] = x
    whole = net.forward()["prob"].copy()
    net.blobs["data"].reshape(1, 3, 8, 8)
    for i in range(5):
        net.blobs["data"].data[...] = x[i]
        np.testing.assert_allclose(net.forward()["prob"], whole[i : i + 1], rtol=1e-4, atol=1e-6)
    old[...] = 7
    assert not (net.blobs["data"].data == 7).any()


def test_another_image_size_through_layers_that_spell_their_sizes(make):
    net = make(
        CONV + 'layer { name: "up" type: "Interp" bottom: "pool" top: "up" interp_param '
        "{ zoom_factor: 2 } }"
        'layer { name: "l" type: "Reshape" bottom: "up" top: "l" reshape_param { shape '
        "{ dim: 0 dim: 4 dim: -1 } } }"
    )
    for size in (8, 12, 8, 10):
        net.blobs["data"].reshape(1, 3, size, size)
        net.blobs["data"].data[...] = 0
        bias = net.params["conv"][1].data
        side = 2 * ((size - 2) // 2) - 1
        wanted = np.broadcast_to(np.maximum(bias, 0)[:, None], (1, 4, side * side))
        np.testing.assert_allclose(net.forward()["l"], wanted, rtol=1e-5, atol=1e-6)


def test_a_shape_that_weights_do_not_fit_is_refused_and_the_net_goes_on(make):
    net = make(CONV + LINEAR)
    before = net.forward()["prob"].copy()
    net.blobs["data"].reshape(2, 3, 10, 10)
    with pytest.raises(NetError, match=r"layer 'ip' .* would be .*5x64.*, it is .*5x36"):
        net.forward()
    net.blobs["data"].reshape(2, 3, 8, 8)
    net.blobs["data"].data[...] = 0
    np.testing.assert_array_equal(net.forward()["prob"], before)


def test_forward_from_the_middle_takes_what_blobs_hold(make):
    net = make(CONV + LINEAR)
    net.blobs["pool"].data[...] = pool = random(2, 4, 3, 3)
    found = net.forward(start="flat", end="ip")
    assert list(found) == ["ip"]
    weight, bias = (blob.data for blob in net.params["ip"])
    np.testing.assert_allclose(found["ip"], pool.reshape(2, -1) @ weight.T + bias, rtol=1e-4)


def test_a_flattened_blob_is_the_same_memory(make):
    net = make(CONV + LINEAR)
    net.blobs["flat"].data[1, 4] = 9
    assert net.blobs["pool"].data[1, 0, 1, 1] == 9
    net.blobs["flat"].diff[0, 0] = 3
    assert net.blobs["pool"].diff[0, 0, 0, 0] == 3


def test_parameter_gradients_add_up_until_they_are_cleared(make):
    net = make(CONV)
    net.blobs["data"].data[...] = random(2, 3, 8, 8)
    net.forward()
    diff = net.params["conv"][0].diff
    net.blobs["pool"].diff[...] = 1
    net.backward()
    once = diff.copy()
    assert once.any()
    net.backward()
    np.testing.assert_allclose(diff, 2 * once, rtol=1e-5)
    net.clear_param_diffs()
    assert not diff.any()


def test_backward_without_forward_takes_what_blobs_hold(make):
    net = make(CONV + LINEAR)
    net.blobs["flat"].data[...] = flat = random(2, 36)
    net.blobs["ip"].diff[...] = diff = random(2, 5)
    found = net.backward(start="ip", end="ip")
    weight = net.params["ip"][0]
    np.testing.assert_allclose(found["flat"], diff @ weight.data, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(weight.diff, diff.T @ flat, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("hold", [False, True])
def test_backward_sees_a_bottom_that_was_changed_after_forward(make, hold):
    net = make(CONV + LINEAR)
    held = net.blobs["flat"].data if hold else None
    net.blobs["data"].data[...] = random(2, 3, 8, 8)
    net.forward()
    net.blobs["flat"].data[...] = flat = random(2, 36)
    net.blobs["ip"].diff[...] = diff = random(2, 5)
    net.backward(start="ip", end="ip")
    np.testing.assert_allclose(net.params["ip"][0].diff, diff.T @ flat, rtol=1e-4, atol=1e-5)
    assert held is None or held is not net


def test_a_net_without_a_loss_has_no_backward_pass(make):
    net = make(CONV.replace("force_backward: true", ""))
    net.blobs["data"].data[...] = random(2, 3, 8, 8)
    net.forward()
    net.blobs["pool"].diff[...] = 1
    net.backward()
    assert not net.blobs["data"].diff.any()
    assert not net.params["conv"][0].diff.any()


def test_a_blob_that_two_read_is_split_and_its_gradients_add_up(make):
    net = make("""
    force_backward: true
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "a" type: "Power" bottom: "x" top: "a" power_param { scale: 2 } }
    layer { name: "b" type: "Power" bottom: "x" top: "b" power_param { scale: 5 } }
    """)
    assert list(net.blobs) == ["x", "x_x_0_split_0", "x_x_0_split_1", "a", "b"]
    assert net._layer_names == ["x", "x_x_0_split", "a", "b"]
    assert [layer.type for layer in net.layers] == ["Input", "Split", "Power", "Power"]
    assert net.bottom_names["b"] == ["x_x_0_split_1"]
    assert net.top_names["x_x_0_split"] == ["x_x_0_split_0", "x_x_0_split_1"]
    net.blobs["x"].data[...] = 1
    found = net.forward()
    assert (found["a"] == 2).all()
    assert (found["b"] == 5).all()
    net.blobs["a"].diff[...], net.blobs["b"].diff[...] = 1, 10
    net.backward()
    assert (net.blobs["x_x_0_split_0"].diff == 2).all()
    assert (net.blobs["x_x_0_split_1"].diff == 50).all()
    assert (net.blobs["x"].diff == 52).all()


def test_a_loss_that_is_read_as_well(make):
    text = """
    layer { name: "x" type: "Input" top: "x" top: "t"
      input_param { shape { dim: 2 dim: 3 } shape { dim: 2 dim: 3 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "x" top: "ip"
      inner_product_param { num_output: 3 } }
    layer { name: "l" type: "EuclideanLoss" bottom: "ip" bottom: "t" top: "l" loss_weight: 3 }
    layer { name: "more" type: "Power" bottom: "l" top: "more" }
    """
    with pytest.warns(AsInCaffe, match="once more"):
        net = make(text, caffe.TRAIN)
    assert net.blob_loss_weights["l"] == 1
    assert net.blob_loss_weights["l_l_0_split_0"] == 3
    net.blobs["t"].data[...] = 1
    assert net._forward(0, len(net.layers) - 1) == pytest.approx((1 + 3) * 6 / 4)
    net.backward()
    np.testing.assert_allclose(net.params["ip"][1].diff, [-3, -3, -3])


def test_a_bottom_that_is_read_twice_has_its_whole_gradient(make):
    net = make("""
    force_backward: true
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "sum" type: "Eltwise" bottom: "x" bottom: "x" top: "sum" }
    """)
    net.blobs["x"].data[...] = 4
    assert (net.forward()["sum"] == 8).all()
    net.blobs["sum"].diff[...] = 1
    assert (net.backward()["x"] == 2).all()


def test_slices_and_identities_are_memory_of_their_own(make):
    net = make("""
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 4 dim: 3 } } }
    layer { name: "s" type: "Slice" bottom: "x" top: "a" top: "b" slice_param { axis: 0 } }
    layer { name: "d" type: "Dropout" bottom: "a" top: "d" }
    """)
    net.blobs["x"].data[...] = random(4, 3)
    net.forward()
    before = net.blobs["x"].data.copy()
    net.blobs["a"].data[...] = 8
    net.blobs["d"].data[...] = 9
    np.testing.assert_array_equal(net.blobs["x"].data, before)
    assert (net.blobs["a"].data == 8).all()


def test_blobs_outlive_their_net(make):
    net = make(CONV)
    blobs = [*net.blobs.values(), *net.params["conv"]]
    net.forward()
    del net
    assert all(np.isfinite(blob.data).all() and not blob.diff.any() for blob in blobs)


def test_the_legacy_axes_of_a_blob(make):
    net = make(CONV + LINEAR)
    blob = net.blobs["ip"]
    assert (blob.num, blob.channels, blob.height, blob.width, blob.count) == (2, 5, 1, 1, 10)
    assert tuple(blob.shape) == (2, 5)


def test_what_is_assigned_wrongly_is_told(make):
    net = make(CONV)
    with pytest.raises(ValueError, match="could not broadcast"):
        net.blobs["data"].data[...] = np.zeros((3, 3, 8, 8))
    with pytest.raises(AttributeError, match=r"blob.data\[...\] = values"):
        net.blobs["data"].data = 1
    with pytest.raises(NetError, match=r"negative|shape"):
        net.blobs["data"].reshape(2, -3)
    with pytest.raises(NetError, match="whole numbers"):
        net.blobs["data"].reshape((2, 3, 8, 8))
    with pytest.raises(NetError, match="4x3x3x3"):
        net.params["conv"][0].reshape(5, 3, 3, 3)
    net.forward()


def test_data_holds_under_other_names_of_python_2(make):
    net = make(CONV + LINEAR)
    assert net.blobs.keys()[0] == "data"
    assert net.params.keys() == ["conv", "ip"]
    assert [name for name, _ in net.params.iteritems()] == ["conv", "ip"]
    assert next(net.blobs.itervalues()) is net.blobs["data"]
    assert net.blobs.has_key("conv")
    assert not net.params.has_key("pool")
    assert net.blobs.items()[0][0] == "data"
    assert net.params.keys() & {"ip"} == {"ip"}
