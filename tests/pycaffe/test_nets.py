"""Net: its forms, its names, passes over many items, files, shared weights, callbacks."""

from __future__ import annotations

import gc

import h5py
import numpy as np
import pytest

import protonet.pycaffe as caffe
from protonet.diagnostics import NetError
from protonet.schema.pool import message

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 6 } } }
layer { name: "ip1" type: "InnerProduct" bottom: "data" top: "ip1"
  inner_product_param { num_output: 3 weight_filler { type: "gaussian" std: 1 } } }
layer { name: "extra" type: "InnerProduct" bottom: "ip1" top: "extra"
  include { phase: TRAIN } inner_product_param { num_output: 3 } }
layer { name: "upper" type: "InnerProduct" bottom: "ip1" top: "upper"
  include { min_level: 2 } inner_product_param { num_output: 3 } }
layer { name: "staged" type: "InnerProduct" bottom: "ip1" top: "staged"
  include { stage: "deploy" } inner_product_param { num_output: 3 } }
layer { name: "prob" type: "Softmax" bottom: "ip1" top: "prob" }
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    return str(tmp_path / "net.prototxt")


def random(*shape):
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def layers(net):
    return [name for name in net._layer_names if "split" not in name]


def test_every_form_of_the_constructor(path, tmp_path):
    net = caffe.Net(path, caffe.TEST)
    weights = str(tmp_path / "w.caffemodel")
    net.save(weights)
    given = net.params["ip1"][0].data
    for other in (
        caffe.Net(path, weights, caffe.TEST),
        caffe.Net(path, caffe.TEST, weights=weights),
        caffe.Net(network_file=path, phase=caffe.TEST, weights=weights),
        caffe.Net(path, caffe.TEST, 0, [], weights),
        caffe.Net(path, weights, phase=np.int64(1)),
    ):
        np.testing.assert_array_equal(other.params["ip1"][0].data, given)
        assert layers(other) == ["data", "ip1", "prob"]
    assert layers(caffe.Net(path, caffe.TRAIN)) == ["data", "ip1", "extra", "prob"]
    assert layers(caffe.Net(path, caffe.TEST, level=2)) == ["data", "ip1", "upper", "prob"]
    assert "staged" in layers(caffe.Net(path, caffe.TEST, stages=["deploy"]))


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("absent.prototxt", 1), "absent.prototxt"),
        ((NET, 1), "by its file's path"),
        (("PATH", 3), "caffe.TRAIN or caffe.TEST, not 3"),
        (("PATH",), "caffe.TRAIN or caffe.TEST, not None"),
        (("PATH", "absent.caffemodel", 1), "absent.caffemodel"),
    ],
)
def test_what_makes_no_net(path, arguments, told):
    with pytest.raises(NetError, match=told):
        caffe.Net(*[path if a == "PATH" else a for a in arguments])


def test_the_names_of_a_net(path):
    net = caffe.Net(path, caffe.TEST)
    assert net.inputs == ["data"]
    assert net.outputs == ["prob"]
    assert net._blob_names == ["data", "ip1", "prob"]
    assert [net._blob_names[i] for i in net._inputs + net._outputs] == ["data", "prob"]
    assert net.top_names == {"data": ["data"], "ip1": ["ip1"], "prob": ["prob"]}
    assert net.bottom_names == {"data": [], "ip1": ["data"], "prob": ["ip1"]}
    assert [layer.type for layer in net.layers] == ["Input", "InnerProduct", "Softmax"]
    assert net.layer_dict["ip1"] is net.layers[1]
    assert [len(layer.blobs) for layer in net.layers] == [0, 2, 0]
    assert net.params["ip1"][0] is net.layers[1].blobs[0]
    assert list(net._blobs) == net.blobs.values()
    assert net.blob_loss_weights == {"data": 0, "ip1": 0, "prob": 0}
    assert net._top_ids(1) == [1]
    assert net._bottom_ids(2) == [1]


def test_outputs_are_sorted_by_name(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text("""
    layer { name: "x" type: "Input" top: "z" top: "a" input_param { shape { dim: 2 dim: 3 } } }
    layer { name: "m" type: "ReLU" bottom: "z" top: "m" }
    """)
    assert caffe.Net(str(path), caffe.TEST).outputs == ["a", "m"]


def test_forward_takes_inputs_and_gives_blobs(path):
    net = caffe.Net(path, caffe.TEST)
    x = random(4, 6)
    found = net.forward(blobs=["ip1"], data=x)
    weight, bias = (blob.data for blob in net.params["ip1"])
    assert set(found) == {"prob", "ip1"}
    np.testing.assert_allclose(found["ip1"], x @ weight.T + bias, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(net.forward(["data"])["data"], x)


@pytest.mark.parametrize(
    "arguments, kind, told",
    [
        ({"data": np.zeros((5, 6))}, NetError, "batch of 4, not 5"),
        ({"data": np.zeros((4, 7))}, NetError, "is 4x6, what is given 4x7"),
        ({"image": np.zeros((4, 6))}, NetError, "image, are not the net's inputs"),
        ({"start": "ipp1"}, ValueError, "no layer 'ipp1'"),
        ({"end": "ip2"}, KeyError, "did you mean 'ip1'"),
        ({"blobs": ["pro"]}, KeyError, "no blob 'pro'"),
    ],
)
def test_what_forward_does_not_take(path, arguments, kind, told):
    net = caffe.Net(path, caffe.TEST)
    net.blobs["data"].data[...] = x = random(4, 6)
    with pytest.raises(kind, match=told):
        net.forward(**arguments)
    with pytest.raises(KeyError, match="no blob 'ip'"):
        net.blobs["ip"]
    with pytest.raises(KeyError, match="no layer with parameters 'prob'"):
        net.params["prob"]
    np.testing.assert_array_equal(net.blobs["data"].data, x)
    net.forward()


def test_any_number_of_items_goes_through(path):
    net = caffe.Net(path, caffe.TEST)
    x = random(10, 6)
    found = net.forward_all(blobs=["ip1"], data=x)
    weight, bias = (blob.data for blob in net.params["ip1"])
    assert found["prob"].shape == (10, 3)
    np.testing.assert_allclose(found["ip1"], x @ weight.T + bias, rtol=1e-5, atol=1e-6)
    with pytest.raises(NetError, match="'datum' is none"):
        net.forward_all(datum=x)
    with pytest.raises(NetError, match="no input"):
        net.forward_all()


def test_any_number_of_items_goes_back(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text("force_backward: true" + NET)
    net = caffe.Net(str(path), caffe.TEST)
    x, seeds = random(10, 6), random(10, 3)
    found, back = net.forward_backward_all(diffs=["ip1"], data=x, prob=seeds)
    prob = found["prob"].astype(float)
    wanted = prob * (seeds - (seeds * prob).sum(1, keepdims=True))
    np.testing.assert_allclose(back["ip1"], wanted, rtol=1e-4, atol=1e-6)
    weight = net.params["ip1"][0].data
    np.testing.assert_allclose(back["data"], wanted @ weight, rtol=1e-4, atol=1e-5)


def test_files(path, tmp_path):
    net = caffe.Net(path, caffe.TEST)
    model, hdf5 = str(tmp_path / "w"), str(tmp_path / "h")
    net.save(model)
    net.save_hdf5(hdf5)
    read = message("NetParameter")
    read.ParseFromString((tmp_path / "w").read_bytes())
    assert [layer.name for layer in read.layer] == ["data", "ip1", "prob"]
    kept = [np.array(blob.data) for blob in net.params["ip1"]]
    np.testing.assert_array_equal(read.layer[1].blobs[0].data, kept[0].reshape(-1))
    with h5py.File(hdf5) as file:
        np.testing.assert_array_equal(file["data/ip1/0"][()], kept[0])
    for load in (lambda: net.copy_from(model), lambda: net.load_hdf5(hdf5)):
        held = net.params["ip1"][0].data
        held[...] = 0
        load()
        np.testing.assert_array_equal(held, kept[0])


def test_several_files_at_once(path, tmp_path):
    net = caffe.Net(path, caffe.TEST)
    names = []
    for number in (1, 2):
        net.params["ip1"][0].data[...] = number
        names.append(str(tmp_path / f"{number}.caffemodel"))
        net.save(names[-1])
    net.copy_from(",".join(reversed(names)))
    assert (net.params["ip1"][0].data == 1).all()


def test_weights_of_another_net(path, tmp_path, capsys):
    net = caffe.Net(path, caffe.TEST)
    net.save(str(tmp_path / "w.caffemodel"))
    (tmp_path / "other.prototxt").write_text(NET.replace("ip1", "fc"))
    other = caffe.Net(str(tmp_path / "other.prototxt"), caffe.TEST)
    before = other.params["fc"][0].data.copy()
    other.copy_from(str(tmp_path / "w.caffemodel"))
    np.testing.assert_array_equal(other.params["fc"][0].data, before)
    assert "none of the net's layers" in capsys.readouterr().err
    (tmp_path / "wide.prototxt").write_text(NET.replace("num_output: 3 w", "num_output: 5 w"))
    wide = caffe.Net(str(tmp_path / "wide.prototxt"), caffe.TEST)
    with pytest.raises(
        NetError, match="layer 'ip1': blob 0 has the shape 3x6 in the file, but 5x6"
    ):
        wide.copy_from(str(tmp_path / "w.caffemodel"))
    wide.forward()


def test_weights_that_two_nets_share(path):
    net, other = caffe.Net(path, caffe.TEST), caffe.Net(path, caffe.TRAIN)
    blob = other.params["ip1"][0]
    other.share_with(net)
    net.params["ip1"][0].data[...] = 2
    assert (blob.data == 2).all()
    blob.diff[...] = 5
    assert not net.params["ip1"][0].diff.any()
    other.blobs["data"].data[...] = 1
    other.params["ip1"][1].data[...] = 0
    other.forward()
    assert (other.blobs["ip1"].data == 12).all()


def test_callbacks_hear_of_every_layer_and_may_write(path):
    net = caffe.Net(path, caffe.TEST)
    heard = []
    net.before_forward(lambda i: heard.append(("before", i)))
    net.after_forward(lambda i: heard.append(("after", i)))
    net.before_backward(lambda i: heard.append(("back", i)))
    net.after_backward(lambda i: heard.append(("behind", i)))

    def overwrite(layer):
        if layer == 1:
            net.blobs["ip1"].data[...] = [0, 0, 100]

    net.after_forward(overwrite)
    prob = net.forward()["prob"]
    np.testing.assert_allclose(prob, np.broadcast_to([0, 0, 1], (4, 3)), atol=1e-6)
    assert heard == [(when, i) for i in range(3) for when in ("before", "after")]
    heard.clear()
    net.backward()
    assert heard == [(when, i) for i in (2, 1, 0) for when in ("back", "behind")]


def test_arrays_for_a_memory_data_layer(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text("""
    layer { name: "m" type: "MemoryData" top: "data" top: "label"
      memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 } }
    layer { name: "s" type: "Power" bottom: "data" top: "s" power_param { scale: 2 } }
    """)
    net = caffe.Net(str(path), caffe.TEST)
    for seed in (1, 2):
        x = np.random.default_rng(seed).normal(size=(4, 3, 4, 5)).astype(np.float32)
        net.set_input_arrays(x, np.arange(4, dtype=np.float32))
        for part in (slice(0, 2), slice(2, 4), slice(0, 2)):
            found = net.forward(blobs=["label"])
            np.testing.assert_array_equal(found["s"], 2 * x[part])
            np.testing.assert_array_equal(found["label"].reshape(-1), np.arange(4)[part])
    with pytest.raises(NetError, match="multiple of batch_size 2"):
        net.set_input_arrays(x[:3], np.arange(3, dtype=np.float32))


def test_arrays_for_another_layer_are_refused(path):
    with pytest.raises(NetError, match=r"'data' .Input., is no MemoryData"):
        caffe.Net(path, caffe.TEST).set_input_arrays(random(4, 6), random(4))


def test_constants_of_dummy_data_stay_what_a_script_writes(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text("""
    layer { name: "d" type: "DummyData" top: "x" top: "label" dummy_data_param {
      shape { dim: 4 dim: 2 } shape { dim: 4 }
      data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" value: 3 } } }
    """)
    net = caffe.Net(str(path), caffe.TEST)
    assert (net.blobs["label"].data == 3).all()
    net.blobs["label"].data[...] = [0, 1, 2, 3]
    first = net.forward()["x"].copy()
    assert (net.forward()["x"] != first).all()
    np.testing.assert_array_equal(net.blobs["label"].data, [0, 1, 2, 3])


def test_a_net_without_fillers_starts_with_zeros(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET.replace('weight_filler { type: "gaussian" std: 1 }', ""))
    net = caffe.Net(str(path), caffe.TEST)
    assert not net.params["ip1"][0].data.any()


def test_the_seed_says_the_weights(path):
    made = []
    for _ in range(2):
        caffe.set_random_seed(5)
        made += [caffe.Net(path, caffe.TRAIN).params["ip1"][0].data for _ in range(2)]
    np.testing.assert_array_equal(made[0], made[2])
    np.testing.assert_array_equal(made[1], made[3])
    assert (made[0] != made[1]).any()


def test_a_blob_that_a_script_adds_is_saved(path, tmp_path):
    net = caffe.Net(path, caffe.TEST)
    net.params["ip1"].add_blob(2, 3)
    net.params["ip1"][2].data[...] = 8
    net.save(str(tmp_path / "w.caffemodel"))
    read = message("NetParameter")
    read.ParseFromString((tmp_path / "w.caffemodel").read_bytes())
    assert list(read.layer[1].blobs[2].data) == [8] * 6


def test_the_file_of_an_hdf5_output_is_whole_when_its_net_is_gone(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(f"""
    layer {{ name: "x" type: "Input" top: "x" top: "t"
      input_param {{ shape {{ dim: 2 dim: 3 }} shape {{ dim: 2 }} }} }}
    layer {{ name: "out" type: "HDF5Output" bottom: "x" bottom: "t"
      hdf5_output_param {{ file_name: "{tmp_path}/out.h5" }} }}
    """)
    net = caffe.Net(str(path), caffe.TEST)
    for number in (1, 2):
        net.blobs["x"].data[...] = number
        net.forward()
    del net
    gc.collect()
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(np.ravel(file["data"][:, 0]), [1, 1, 2, 2])
