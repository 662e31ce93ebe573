"""What a state tells of Caffe: the way back without a prototxt, and what damage does to it."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import save_file

import protonet
from protonet.cli import group
from protonet.weights.told import LAYERS, NET

ROW = """
layer { name: "b%(n)d_conv" type: "Convolution" bottom: "%(at)s" top: "b%(n)d_conv"
        convolution_param { num_output: 4 kernel_size: 3 pad: 1 weight_filler { type: "xavier" } } }
layer { name: "b%(n)d_bn" type: "BatchNorm" bottom: "b%(n)d_conv" top: "b%(n)d_conv" }
layer { name: "b%(n)d_sc" type: "Scale" bottom: "b%(n)d_conv" top: "b%(n)d_conv"
        scale_param { bias_term: true } }
layer { name: "b%(n)d_sum" type: "Eltwise" bottom: "%(at)s" bottom: "b%(n)d_conv" top: "b%(n)d" }
layer { name: "b%(n)d_relu" type: "ReLU" bottom: "b%(n)d" top: "b%(n)d" }
"""
SOURCE = (
    'name: "told" layer { name: "in" type: "Input" top: "b0" '
    "input_param { shape { dim: 1 dim: 4 dim: 5 dim: 5 } } }\n"
    + "".join(ROW % {"n": n, "at": f"b{n - 1}"} for n in range(1, 8))
    + 'layer { name: "ip" type: "InnerProduct" bottom: "b7" top: "ip" '
    'inner_product_param { num_output: 3 weight_filler { type: "xavier" } } }\n'
)


def run(*arguments):
    done = CliRunner().invoke(group, arguments, standalone_mode=False)
    if done.exception is None:
        return ""
    assert isinstance(done.exception, protonet.NetError), repr(done.exception)
    return str(done.exception)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(SOURCE)
    torch.manual_seed(0)
    net = protonet.compile(SOURCE, phase="TRAIN")
    for _ in range(2):  # statistics of its own
        net(torch.rand(3, 4, 5, 5))
    protonet.save(net, "first.caffemodel")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("form", [[], ["--flat"], ["--faithful"]], ids=str)
@pytest.mark.parametrize("suffix", ["caffemodel", "h5"])
def test_the_way_back_needs_no_prototxt(form, suffix):
    """Byte for byte what it gives with one."""
    source = "--prototxt", "net.prototxt"
    assert not run("convert", "first.caffemodel", *source, "-o", "net.safetensors", *form)
    assert not run("convert", "net.safetensors", "-o", f"alone.{suffix}")
    assert not run("convert", "net.safetensors", *source, "-o", f"with.{suffix}")
    alone, other = (Path(f"{name}.{suffix}").read_bytes() for name in ("alone", "with"))
    if suffix == "caffemodel":
        assert alone == other
    read = [protonet.read_blobs(f"{name}.{suffix}") for name in ("alone", "with")]
    same(protonet.read_blobs("first.caffemodel"), *read)


def same(one, *others):
    for other in others:
        assert {k for k, v in one.items() if v} == {k for k, v in other.items() if v}
        for name, blobs in one.items():
            for a, b in zip(blobs, other.get(name, ()), strict=True):
                assert a.shape == b.shape
                assert a.tobytes() == b.tobytes()


@pytest.mark.usefixtures("folder")
def test_weights_shows_caffes_layers():
    assert not run(
        "convert", "first.caffemodel", "--prototxt", "net.prototxt", "-o", "n.safetensors"
    )
    done = CliRunner().invoke(group, ["weights", "n.safetensors", "--format", "json"])
    found = {layer["name"]: layer["blobs"] for layer in json.loads(done.output)["layers"]}
    assert [blob["shape"] for blob in found["b3_conv"]] == [[4, 4, 3, 3], [4]]
    assert [blob["shape"] for blob in found["b7_bn"]] == [[4], [4], [1]]


def rewritten(change, drop=()):
    """The state with other metadata, and without some tensors."""
    assert not run(
        "convert", "first.caffemodel", "--prototxt", "net.prototxt", "-o", "n.safetensors"
    )
    with safe_open("n.safetensors", "pt") as file:
        metadata = dict(file.metadata())
        state = {key: file.get_tensor(key) for key in file.keys() if key not in drop}  # noqa: SIM118
    save_file(state, "n.safetensors", change(metadata))


def layers(**found):
    return lambda metadata: {**metadata, LAYERS: json.dumps(found)}


WEIGHT = "ip.weight"
BOMB = base64.b64encode(zlib.compress(bytes(1 << 29))).decode()
DAMAGED = {
    "no json": lambda m: {**m, LAYERS: "{"},
    "a list": lambda m: {**m, LAYERS: "[1, 2]"},
    "a number": lambda m: {**m, LAYERS: "3"},
    "deep": lambda m: {**m, LAYERS: "[" * 100_000},
    "no places": layers(ip=3),
    "too short a place": layers(ip=[[WEIGHT]]),
    "a path of another type": layers(ip=[[[1], [3, 100], "plain"]]),
    "a negative size": layers(ip=[[WEIGHT, [-3, 100], "plain"]]),
    "a size that is none": layers(ip=[[WEIGHT, ["3"], "plain"]]),
    "an unknown layout": layers(ip=[[WEIGHT, [3, 100], "wild"]]),
    "no tensor of the file": layers(ip=[["other.weight", [3, 100], "plain"]]),
    "nothing": lambda _: {"format": "pt"},
    "no base64": lambda m: {**m, NET: "!!!"},
    "no zlib": lambda m: {**m, NET: base64.b64encode(b"abc").decode()},
    "half a net": lambda m: {**m, NET: m[NET][: len(m[NET]) // 2]},
    "a bomb": lambda m: {**m, NET: BOMB},
    "no net": lambda m: {k: v for k, v in m.items() if k != NET},
    "no layers": lambda m: {k: v for k, v in m.items() if k != LAYERS},
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_damaged_is_refused_or_not_needed(damage):
    """Without a prototxt it is an error; with one the net says the same."""
    rewritten(DAMAGED[damage])
    assert run("convert", "n.safetensors", "-o", "back.caffemodel")
    assert not Path("back.caffemodel").exists()
    assert not run("weights", "n.safetensors")
    assert not run("convert", "n.safetensors", "--prototxt", "net.prototxt", "-o", "b.caffemodel")
    plain, whole = protonet.read_blobs("b.caffemodel"), protonet.read_blobs("first.caffemodel")
    same({"ip": plain["ip"]}, {"ip": whole["ip"]})


@pytest.mark.usefixtures("folder")
def test_a_claim_of_more_numbers_than_there_are():
    def claims(metadata):
        known = json.loads(metadata[LAYERS])
        divisor = known["b1_bn"][2]
        known["b1_bn"][2] = [divisor[0], [1 << 40], divisor[2]]
        return {**metadata, LAYERS: json.dumps(known)}

    rewritten(claims)
    assert run("convert", "n.safetensors", "-o", "back.caffemodel")
    assert not Path("back.caffemodel").exists()


@pytest.mark.usefixtures("folder")
def test_a_state_that_lacks_a_tensor_is_refused():
    """Else the layer would start from its filler, without a word."""
    rewritten(dict, drop=[WEIGHT])
    assert "ip" in run("convert", "n.safetensors", "-o", "back.caffemodel")
    assert not Path("back.caffemodel").exists()
