"""States of modules against safetensors and torch: the same numbers by every path."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from files import NET, caffemodel, random_blobs, same
from one_process import run_alone
from safetensors.numpy import load_file
from safetensors.torch import save_file

import protonet
from protonet import NetError
from protonet.cli import group

GOLDEN = Path(__file__).parent.parent / "golden"
TIED = """
input: "x" input_shape { dim: 1 dim: 4 }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 4 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" } param { name: "b" }
        inner_product_param { num_output: 4 } }
"""


def run(*arguments):
    done = CliRunner().invoke(group, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("net.caffemodel").write_bytes(caffemodel(random_blobs()))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_compiled_file_loads_its_weights_alone():
    """The two files, without protonet, give what the module gives."""
    run("compile", "net.prototxt", "--weights", "net.caffemodel", "-o", "small.py")
    said = run_alone("small.py")
    assert said.splitlines()[0] == "(2, 2)"
    assert "from small import load" in said
    code = (
        "import sys, torch; sys.modules['protonet'] = None; from small import load;"
        "torch.save(load()(torch.load('x.pt')), 'y.pt')"
    )
    x = torch.randn(2, 3, 5, 5)
    torch.save(x, "x.pt")
    subprocess.run([sys.executable, "-c", code], check=True)
    net = protonet.compile("net.prototxt", weights="net.caffemodel")
    assert torch.equal(torch.load("y.pt"), net(x))
    mean, variance, factor = random_blobs()["bn"]
    state = load_file("small.safetensors")
    np.testing.assert_allclose(state["bn.running_mean"], mean / factor, rtol=1e-6)
    np.testing.assert_allclose(state["bn.running_var"], variance / factor, rtol=1e-6)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("faithful", [False, True])
@pytest.mark.parametrize("factor", [999.982, 1.0, 0.0])
def test_every_path_gives_the_same_bits(dtype, faithful, factor):
    """caffemodel → safetensors → HDF5 → caffemodel, with a factor that does not divide back."""
    blobs = random_blobs(dtype, factor)
    Path("net.caffemodel").write_bytes(caffemodel(blobs))
    path = "net.caffemodel"
    for target in ("a.safetensors", "b.h5", "c.caffemodel"):
        extra = ["--faithful"] if faithful else []
        run("convert", path, "--prototxt", "net.prototxt", "-o", target, *extra)
        path = target
    read = protonet.read_blobs("c.caffemodel")
    same({k: v for k, v in read.items() if v}, blobs)


@pytest.mark.usefixtures("folder")
def test_statistics_of_a_changed_state_are_those_of_the_state():
    run("convert", "net.caffemodel", "--prototxt", "net.prototxt", "-o", "a.safetensors")
    from safetensors import safe_open

    with safe_open("a.safetensors", "pt") as file:
        metadata = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    state["bn.running_mean"] += 1
    save_file(state, "b.safetensors", metadata)
    run("convert", "b.safetensors", "--prototxt", "net.prototxt", "-o", "b.caffemodel")
    mean, _, factor = protonet.read_blobs("b.caffemodel")["bn"]
    np.testing.assert_array_equal(mean, state["bn.running_mean"].numpy())
    assert factor == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": s, "epoch": 3}])
def test_what_torch_saved_goes_back_to_caffe(wrap):
    net = protonet.compile("net.prototxt", weights="net.caffemodel")
    state = {f"module.{k}": v for k, v in net.state_dict().items()}
    torch.save(wrap(state), "net.pt")
    run("convert", "net.pt", "--prototxt", "net.prototxt", "-o", "back.caffemodel")
    back = protonet.read_blobs("back.caffemodel")
    same({k: v for k, v in back.items() if v}, protonet.dump_blobs(net))
    other = protonet.compile("net.prototxt", faithful=True, weights="net.pt")
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(other(x), net(x))


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_in_a_pickle_runs(legacy):
    torch.save({"f.weight": Bomb()}, "net.pt", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(NetError, match="nothing in it is executed"):
        protonet.compile("net.prototxt", weights="net.pt")
    Path("net.pkl").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(NetError, match=r"net\.pkl"):
        protonet.compile("net.prototxt", weights="net.pkl")
    assert not Path("exploded").exists()


def test_tied_parameters_are_kept_once(tmp_path):
    net = protonet.compile(TIED)
    protonet.save(net, tmp_path / "a.safetensors")
    assert len(load_file(tmp_path / "a.safetensors")) == 2
    for name in ("a.safetensors", "b.caffemodel", "c.h5"):
        protonet.save(net, tmp_path / name)
        other = protonet.compile(TIED)
        protonet.load_weights(other, tmp_path / name, strict=True)
        same(protonet.dump_blobs(other), protonet.dump_blobs(net))


CASES = sorted(p.stem for p in (GOLDEN / "layers").glob("*.prototxt"))


@pytest.mark.parametrize("name", CASES)
def test_save_and_load_are_inverse(tmp_path, name):
    """Of every layer type with parameters, by every kind of file, to the bit."""
    source = GOLDEN / "layers" / f"{name}.prototxt"
    net = protonet.compile(source)
    if not protonet.dump_blobs(net):
        return
    draw = np.random.default_rng(0)
    blobs = {
        k: [draw.normal(size=a.shape).astype(np.float32) for a in v]
        for k, v in protonet.dump_blobs(net).items()
    }
    protonet.load_blobs(net, blobs)
    wanted = protonet.dump_blobs(net)
    for suffix in ("caffemodel", "h5", "safetensors"):
        path = tmp_path / f"net.{suffix}"
        protonet.save(net, path)
        other = protonet.compile(source)
        matched = protonet.load_weights(other, path, strict=True)
        assert not matched.missing
        same(protonet.dump_blobs(other), wanted)


def test_half_precision_on_the_way_is_exact(tmp_path):
    net = protonet.compile(NET).half().float()
    protonet.save(net, tmp_path / "a.safetensors")
    save_file({k: v.half() for k, v in net.state_dict().items()}, tmp_path / "half.safetensors")
    save_file(
        {k: v.bfloat16() for k, v in net.state_dict().items()}, tmp_path / "brain.safetensors"
    )
    for name, bits in (("half", torch.float16), ("brain", torch.bfloat16)):
        other = protonet.compile(NET, weights=tmp_path / f"{name}.safetensors")
        assert torch.equal(other.c_1.weight, net.c_1.weight.to(bits).float())


@pytest.mark.parametrize(
    "state, problem",
    [
        ({"q.weight": torch.zeros(2)}, "has none of the net's tensors"),
        ({"f.weight": torch.zeros(36, 2)}, "blob 0 has the shape 2x36 in the file, but 36x2"),
        ({"f.weight": torch.zeros(2, 36), "f.bias": torch.zeros(3)}, "blob 1 has the shape 3"),
    ],
)
def test_a_state_that_does_not_fit(tmp_path, state, problem):
    save_file({"f.bias": torch.zeros(2), **state} if "f.weight" in state else state, tmp_path / "a")
    with pytest.raises(NetError, match=problem):
        protonet.compile(NET, weights=tmp_path / "a")


def test_a_state_needs_the_net(tmp_path):
    save_file({"a.weight": torch.zeros(2)}, tmp_path / "a.safetensors")
    with pytest.raises(NetError, match="only with the net its layers are known"):
        protonet.read_blobs(tmp_path / "a.safetensors")
