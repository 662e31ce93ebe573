"""Caffemodels against google.protobuf, and against files that Caffe itself wrote."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from files import NET, caffemodel, random_blobs, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError
from protonet.api import graph
from protonet.cli import group
from protonet.schema.pool import message_class
from protonet.schema.wire import to_varint as varint
from protonet.weights.caffemodel import definition, write_caffemodel
from protonet.weights.read import open_weights

GOLDEN = Path(__file__).parent.parent / "golden"


def parsed(path):
    return message_class("NetParameter").FromString(path.read_bytes())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", ["V2", "V1", "V0"])
def test_every_generation_reads_the_same(tmp_path, form, dtype):
    path, blobs = tmp_path / "a.caffemodel", random_blobs(dtype)
    path.write_bytes(caffemodel(blobs, form))
    if form != "V2":
        blobs = {k: [a.reshape((1,) * (4 - a.ndim) + a.shape) for a in v] for k, v in blobs.items()}
    same(protonet.read_blobs(path), blobs)
    stored = open_weights(path)
    assert stored.name == "small"
    assert stored.layers[0].type == ("conv" if form == "V0" else "Convolution")
    bare = parsed(path)
    for layer in [*bare.layer, *bare.layers]:
        (layer.layer if form == "V0" else layer).ClearField("blobs")
    assert definition(stored) == (bare, "utf-8")


def test_what_caffe_wrote():
    stored = protonet.read_blobs(GOLDEN / "weights" / "v1_binary.caffemodel")
    with np.load(GOLDEN / "weights" / "v1_binary.npz") as file:
        arrays = dict(file)
    assert {f"{k}/{i}" for k, v in stored.items() for i in range(len(v))} == set(arrays)
    for key, values in arrays.items():
        layer, index = key.split("/")
        given = stored[layer][int(index)]
        np.testing.assert_array_equal(given.reshape(-1), values.reshape(-1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("with_diff", [False, True])
def test_what_is_written_is_a_net_to_protobuf(tmp_path, dtype, with_diff):
    net, blobs = graph(NET).definition, random_blobs(dtype)
    diffs = {k: [-a for a in v] for k, v in blobs.items()} if with_diff else None
    write_caffemodel(tmp_path / "a.caffemodel", net, blobs, diffs)
    read = parsed(tmp_path / "a.caffemodel")
    field = "double_data" if dtype == np.float64 else "data"
    for layer in read.layer:
        for proto, array in zip(layer.blobs, blobs.get(layer.name, ()), strict=True):
            assert tuple(proto.shape.dim) == array.shape
            assert list(getattr(proto, field)) == array.reshape(-1).tolist()
            diff = list(getattr(proto, field.replace("data", "diff")))
            assert diff == ((-array).reshape(-1).tolist() if with_diff else [])
        layer.ClearField("blobs")
    assert read == net
    names = ("in", "c/1", "bn", "sc", "r", "f")
    same(protonet.read_blobs(tmp_path / "a.caffemodel"), {n: blobs.get(n, []) for n in names})


def test_a_snapshot_is_what_caffes_own_is(tmp_path):
    """Of the same net and the same weights, all but Caffe's Split layers and its defaults."""
    folder = GOLDEN / "weights" / "sgd_shared"
    theirs = parsed(folder / "snap_iter_6.caffemodel")
    shutil.copy(folder / "net.prototxt", tmp_path)
    net = protonet.compile(
        tmp_path / "net.prototxt",
        phase="TRAIN",
        shapes={"data": (4, 2, 8, 8), "label": (4,)},
        weights=folder / "snap_iter_6.caffemodel",
    )
    protonet.save(net, tmp_path / "own.caffemodel")
    own = parsed(tmp_path / "own.caffemodel")
    ours = {layer.name: layer for layer in own.layer}
    assert own.name == theirs.name
    for layer in theirs.layer:
        if layer.type == "Split":
            continue
        mine = ours.pop(layer.name)
        assert list(mine.blobs) == list(layer.blobs), layer.name
        assert (mine.type, mine.phase, mine.param) == (layer.type, layer.phase, layer.param)
        assert list(mine.top) == list(layer.top)
    assert not ours


def test_a_layer_that_the_net_has_not_is_refused(tmp_path):
    net = graph(NET).definition
    with pytest.raises(NetError, match="no layer 'q'"):
        write_caffemodel(tmp_path / "a", net, {"q": []})
    assert not list(tmp_path.iterdir())


def test_a_layer_twice_is_two_layers_of_which_the_last_counts(tmp_path):
    first = caffemodel({"a": [np.ones(3, np.float32)], "b": []})
    second = caffemodel({"a": [np.full(3, 2, np.float32)]})
    third = caffemodel({"a": []})
    (tmp_path / "x.caffemodel").write_bytes(first + second + third)
    assert len(open_weights(tmp_path / "x.caffemodel").layers) == 4
    same(
        protonet.read_blobs(tmp_path / "x.caffemodel"), {"a": [np.full(3, 2, np.float32)], "b": []}
    )


def test_several_files_one_after_the_other(tmp_path):
    (tmp_path / "a.caffemodel").write_bytes(caffemodel({"p": [np.ones(2, np.float32)]}))
    (tmp_path / "b.caffemodel").write_bytes(caffemodel({"q": [np.zeros(2, np.float32)]}))
    paths = [tmp_path / "a.caffemodel", tmp_path / "b.caffemodel"]
    both = protonet.read_blobs(f"{paths[0]}, {paths[1]}")
    assert list(both) == ["p", "q"]
    same(protonet.read_blobs(paths), both)
    shutil.copy(paths[0], tmp_path / "c,d.caffemodel")
    assert list(protonet.read_blobs(tmp_path / "c,d.caffemodel")) == ["p"]


def test_fields_of_an_unknown_fork_are_no_obstacle(tmp_path):
    fork = b"\xca\x09\x03\xff\xff\xff"  # field 153 of a layer holds what the schema can't read
    data = caffemodel({"a": [np.ones(2, np.float32)]})
    inner = data[data.index(b"\xa2\x06") + 3 :]
    layer = inner + fork
    (tmp_path / "a.caffemodel").write_bytes(b"\xa2\x06" + bytes([len(layer)]) + layer)
    stored = open_weights(tmp_path / "a.caffemodel")
    assert np.asarray(stored.layers[0].blobs[0]).tolist() == [1, 1]


WRONG = {
    b"": "an empty file",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n": "Git LFS pointer",
    b"\n<!DOCTYPE html><html><body>404</body></html>": "an HTML page",
    b"\x1f\x8b\x08\x00abc": "a compressed archive",
    NET.encode(): "is a text",
    b"\x93NUMPY\x01\x00": "one array",
    b"PK\x03\x04" + bytes(60): "is damaged|holds more than tensors",
    b"\x80\x02ctorch\nload\n": "holds more than tensors|is damaged",
    bytes(range(256)): "no .caffemodel",
    b"\xff" * 100: "no .caffemodel",
    b"\x0a\x05small": "holds no layer",
    b"\xa2\x06\xff\xff\xff\xff\x07" + bytes(90): "claims 2,147,483,647 bytes where 90 are left",
    b"\x89HDF\r\n\x1a\n" + bytes(90): "is damaged",
    (90).to_bytes(8, "little") + b'{"a":' + bytes(20): "is damaged",
}


@pytest.mark.parametrize("content", WRONG, ids=WRONG.values())
def test_another_kind_of_file_is_told(tmp_path, content):
    (tmp_path / "net.caffemodel").write_bytes(content)
    with pytest.raises(NetError, match=WRONG[content]) as caught:
        protonet.read_blobs(tmp_path / "net.caffemodel")
    assert str(tmp_path / "net.caffemodel") in caught.value.message


def test_caffes_other_binary_files_are_told_apart(tmp_path):
    state = message_class("SolverState")(iter=3, learned_net="a.caffemodel", current_step=1)
    state.history.add().data.extend([1.0, 2.0])
    (tmp_path / "a").write_bytes(state.SerializeToString())
    with pytest.raises(NetError, match=r"a solver's state, no \.caffemodel"):
        protonet.read_blobs(tmp_path / "a")
    mean = message_class("BlobProto")(num=1, channels=1, height=1, width=1, data=[1.0])
    (tmp_path / "a").write_bytes(mean.SerializeToString())
    with pytest.raises(NetError, match="one blob, such as a mean file"):
        protonet.read_blobs(tmp_path / "a")
    helper = pytest.importorskip("onnx").helper
    graph = helper.make_graph([], "net", [], [])
    for named in ({}, {"producer_name": "someone", "producer_version": "1"}):
        (tmp_path / "a").write_bytes(helper.make_model(graph, **named).SerializeToString())
        with pytest.raises(NetError, match=r"an ONNX model, no \.caffemodel"):
            protonet.read_blobs(tmp_path / "a")


def test_shape_and_data_disagree(tmp_path):
    net = message_class("NetParameter").FromString(caffemodel({"a": [np.ones(4, np.float32)]}))
    net.layer[0].blobs[0].shape.dim[0] = 5
    (tmp_path / "a").write_bytes(net.SerializeToString())
    with pytest.raises(NetError, match=r"layer 'a', blob 0: the shape 5 has 5 elements, but 4"):
        protonet.read_blobs(tmp_path / "a")


def read_or_refused(path):
    try:
        return protonet.read_blobs(path)
    except NetError as refusal:
        error = refusal
    assert str(path) in error.message
    assert "\n" not in error.message
    return {}


WHOLE = caffemodel({"a": [np.ones((2, 3), np.float32)], "b": [np.ones(5)], "c": []})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    cut=st.integers(1, len(WHOLE)),
    flips=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=6),
)
def test_damage_is_one_clear_error_or_none(tmp_path, cut, flips):
    data = bytearray(WHOLE)
    for place, value in flips:
        data[place] = value
    path = tmp_path / "damaged.caffemodel"
    path.write_bytes(data[:cut])
    blobs = read_or_refused(path)
    assert sum(a.nbytes for v in blobs.values() for a in v) <= cut


GBK = "\u6570\u636e\u8bef".encode("gbk")


def test_names_of_another_encoding_are_the_same_bytes_in_weights(tmp_path, monkeypatch):
    """As Caffe, which knows bytes only, would write them and find them again."""
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_bytes(NET.encode().replace(b'"f"', b'"' + GBK + b'"'))
    net = protonet.compile("net.prototxt")
    protonet.save(net, "a.caffemodel")
    protonet.save(pickle.loads(pickle.dumps(net)), "b.caffemodel")
    assert Path("a.caffemodel").read_bytes() == Path("b.caffemodel").read_bytes()
    assert Path("a.caffemodel").read_bytes().count(GBK) >= 2
    again = protonet.compile("net.prototxt", weights="a.caffemodel")
    same(protonet.dump_blobs(again), protonet.dump_blobs(net))
    assert net._repr_svg_()
    arguments = ["convert", "a.caffemodel", "--prototxt", "net.prototxt", "-o", "c.caffemodel"]
    assert CliRunner().invoke(group, arguments).exit_code == 0
    assert Path("c.caffemodel").read_bytes().count(GBK) >= 2
    with pytest.raises(NetError, match="the layers' names are not in UTF-8"):
        protonet.save(net, "a.h5")


def test_a_snapshot_keeps_names_of_another_encoding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_bytes(
        b'layer { name: "d" type: "DummyData" top: "a" top: "b" dummy_data_param { '
        b'shape { dim: [2, 3] } } } layer { name: "NAME" type: "InnerProduct" bottom: "a" top: "i" '
        b'inner_product_param { num_output: 3 } } layer { name: "e" type: "EuclideanLoss" '
        b'bottom: "i" bottom: "b" top: "e" }'.replace(b"NAME", GBK)
    )
    Path("solver.prototxt").write_text(
        'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 2 solver_mode: CPU '
        'snapshot: 1 snapshot_prefix: "s"'
    )
    protonet.train("solver.prototxt", log="none")
    assert Path("s_iter_2.caffemodel").read_bytes().count(GBK) == 1
    whole = protonet.read_blobs("s_iter_2.caffemodel")
    protonet.train("solver.prototxt", log="none", snapshot="s_iter_1.solverstate")
    same(protonet.read_blobs("s_iter_2.caffemodel"), whole)


@pytest.mark.parametrize("number", [14, 2**40 + 14, 2**40, 2**32 - 1, 999])
def test_a_type_beyond_an_enum_is_the_one_that_protobuf_reads(tmp_path, number):
    """Of a larger number protobuf takes the last 32 bits; found by fuzzing."""
    value = varint(number)
    layer = b"\x22\x01a\x28" + value
    path = tmp_path / "a.caffemodel"
    path.write_bytes(b"\x12" + bytes([len(layer)]) + layer)
    theirs = parsed(path).layers[0]
    known = {14: "InnerProduct", 0: ""}
    (read,) = open_weights(path).layers
    last = number % 2**32
    assert read.type == known.get(last, f"V1 type {last - 2**32 * (last >= 2**31)}")
    assert theirs.HasField("type") is (last in known)
