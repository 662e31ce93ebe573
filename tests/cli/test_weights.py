"""protonet weights and convert as a person calls them."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors import SafetensorError

import protonet
from protonet import NetError
from protonet.cli import group
from protonet.schema.pool import message_class
from protonet.weights.caffemodel import write_caffemodel

NET = """
name: "two"
input: "x" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { name: "conv" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "c" top: "f" inner_product_param { num_output: 2 } }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    net = message_class("NetParameter")(name="two")
    for name in ("conv", "extra", "idle"):
        net.layer.add(name=name, type="Convolution")
    weight = np.arange(108, dtype=np.float32).reshape(4, 3, 3, 3)
    blobs = {"conv": [weight, np.ones(4)], "extra": [np.ones(3, np.float32)]}
    write_caffemodel("net.caffemodel", net, blobs)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(group, arguments, catch_exceptions=False)


@pytest.mark.usefixtures("folder")
def test_the_table_says_what_is_there_and_what_fits():
    alone = run("weights", "net.caffemodel").stdout.splitlines()
    assert alone[0] == "net.caffemodel: caffemodel, net 'two'"
    assert [line.split() for line in alone[4:7]] == [
        ["conv", "Convolution", "0", "4x3x3x3", "float32", "108", "432", "B"],
        ["1", "4", "float64", "4", "32", "B"],
        ["extra", "Convolution", "0", "3", "float32", "3", "12", "B"],
    ]
    assert alone[-1].split() == ["total", "2", "of", "3", "layers", "3", "115", "476", "B"]
    compared = run("weights", "net.caffemodel", "--prototxt", "net.prototxt").stdout
    assert compared.count(" fits ") == 2
    assert compared.count("only in the file") == 1
    assert "fc" in compared
    assert "not in the file: 2x144, 2" in compared


@pytest.mark.usefixtures("folder")
def test_json_says_the_same():
    said = json.loads(
        run("weights", "net.caffemodel", "--prototxt", "net.prototxt", "--format", "json").stdout
    )
    assert {layer["name"]: layer["match"] for layer in said["layers"]} == {
        "conv": "fits",
        "extra": "only in the file",
        "idle": "",
    }
    assert said["missing"] == [{"name": "fc", "wanted": [[2, 144], [2]]}]
    blob = said["layers"][0]["blobs"][0]
    assert blob == {
        "shape": [4, 3, 3, 3],
        "precision": "float32",
        "numbers": 108,
        "bytes": 432,
        "gradient": False,
    }


@pytest.mark.usefixtures("folder")
def test_a_misfit_is_an_error():
    Path("net.prototxt").write_text(NET.replace("num_output: 4", "num_output: 5"))
    with pytest.raises(NetError, match="1 layer does not fit"):
        run("weights", "net.caffemodel", "--prototxt", "net.prototxt")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments, problem",
    [
        (["net.caffemodel", "--prototxt", "net.prototxt", "-o", "a.h5"], "the net's fc is not"),
        (["net.caffemodel", "-o", "a.safetensors"], "names of a compiled net"),
        (["net.caffemodel", "-o", "a.bin"], "no weights are written under the suffix '.bin'"),
        (["net.caffemodel", "-o", "net.caffemodel"], "is itself to be read"),
        (["net.prototxt", "-o", "a.h5"], "is a text, no .caffemodel"),
    ],
)
def test_what_cannot_be_converted_leaves_no_file(arguments, problem):
    before = sorted(p.name for p in Path().iterdir())
    with pytest.raises(NetError, match=problem):
        run("convert", *arguments)
    assert sorted(p.name for p in Path().iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_a_caffemodel_brings_its_own_net():
    assert run("convert", "net.caffemodel", "-o", "a.h5").exit_code == 0
    read = protonet.read_blobs("a.h5")
    assert {name: len(blobs) for name, blobs in read.items()} == {"conv": 2, "extra": 1, "idle": 0}


@pytest.mark.usefixtures("folder")
def test_the_source_and_its_weights_are_written_together_or_not_at_all(monkeypatch):
    def full(*_arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    Path("taken").mkdir()
    before = sorted(p.name for p in Path().iterdir())
    with pytest.raises(NetError, match="it is a folder"):
        run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "taken")
    monkeypatch.setattr("protonet.weights.save.save_state", full)
    with pytest.raises(OSError, match="No space left"):
        run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py")
    assert sorted(p.name for p in Path().iterdir()) == before


@pytest.mark.usefixtures("folder")
def test_a_full_disk_is_an_error_of_the_disk(monkeypatch):
    def full(*_arguments, **_options):
        raise SafetensorError("Error while serializing: I/O error: No space (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_model", full)
    with pytest.raises(OSError, match="No space left") as caught:
        run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "net.py")
    assert caught.value.filename == "net.safetensors"
    assert not Path("net.py").exists()


@pytest.mark.usefixtures("folder")
def test_weights_that_are_read_are_not_written_over():
    protonet.save(protonet.compile(NET), "net.safetensors")
    before = Path("net.safetensors").read_bytes()
    with pytest.raises(NetError, match=r"net.safetensors is itself to be read"):
        run("compile", "net.prototxt", "--weights", "net.safetensors", "-o", "net.py")
    assert Path("net.safetensors").read_bytes() == before
    assert not Path("net.py").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("weights", ["", " , "])
def test_weights_that_name_no_file_are_not_passed_over(weights):
    with pytest.raises(NetError, match="name no file"):
        run("compile", "net.prototxt", "--weights", weights, "-o", "net.py")
    with pytest.raises(NetError, match="name no file"):
        run("weights", weights)
    assert not Path("net.py").exists()


@pytest.mark.usefixtures("folder")
def test_a_layer_of_two_files_is_one_layer():
    both = "net.caffemodel,net.caffemodel"
    done = run("compile", "net.prototxt", "--weights", both, "-o", "net.py")
    assert "; 1 of 2 layers matched\n" in done.stderr


def test_weights_need_a_place(folder):
    done = CliRunner().invoke(group, ["compile", "net.prototxt", "--weights", "net.caffemodel"])
    assert done.exit_code == 2
    assert "give -o, or --run" in done.output
    assert folder.exists()
