"""When commands run a net in its fast form, and that they say the same then."""

from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.optimizing import choice, fuse
from protonet.optimizing.compiler import compiled
from protonet.optimizing.optimize import OptimizedNet

cv2 = pytest.importorskip("cv2")

NET = """
name: "small"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 12 dim: 12 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
"""
DUMMY = """
name: "tested"
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
        shape { dim: 2 dim: 3 dim: 8 dim: 8 } shape { dim: 2 }
        data_filler { type: "constant" value: 0.5 } data_filler { type: "constant" value: 1 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss" }
"""


@pytest.fixture
def taken(monkeypatch):
    """The parts that were compiled, however small."""
    found = []

    def count(made, *_):
        found.append(made)
        return True

    monkeypatch.setattr(fuse, "_is_faster", count)
    return found


def run(*arguments):
    done = CliRunner().invoke(group, [str(a) for a in arguments], standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def test_it_is_chosen_where_it_pays():
    net = protonet.compile(NET)
    assert choice.made_fast(net, 29, "cpu", None, False) is net
    assert choice.made_fast(net, 30, "cuda", None, False) is net
    assert choice.made_fast(net, 1000, "cpu", False, False) is net
    for passes, wanted in ((30, None), (1, True)):
        made = choice.made_fast(net, passes, "cpu", wanted, False)
        assert isinstance(made, OptimizedNet)


def test_run_gives_the_same_features(tmp_path, monkeypatch, taken):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    protonet.save(protonet.compile(NET), "net.caffemodel")
    for index in range(3):
        image = np.random.default_rng(index).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(f"{index}.png", image)
    common = ("run", "net.prototxt", "net.caffemodel", *(f"{i}.png" for i in range(3)))
    run(*common, "--blob", "fc", "--out", "plain.npy")
    assert taken == []
    run(*common, "--blob", "fc", "--out", "fast.npy", "--optimize", "--batch", "1")
    assert taken != []
    plain = np.load("plain.npy")
    assert np.allclose(np.load("fast.npy"), plain, atol=1e-4 * abs(plain).max())


def test_test_gives_the_same_loss(tmp_path, monkeypatch, taken):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(DUMMY)
    protonet.save(protonet.compile(DUMMY), "net.caffemodel")
    common = ("test", "net.prototxt", "--weights", "net.caffemodel", "--iterations")
    plain = run(*common, 3)
    assert taken == []
    fast = run(*common, 3, "--optimize")
    assert taken != []
    values = [float(text.partition("= ")[2].split()[0]) for text in (plain, fast)]
    assert values[0] == pytest.approx(values[1], abs=1e-4)
    taken.clear()
    run(*common, 30)
    assert taken != []


def test_time_has_a_line_for_it(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(NET)
    shown = run("time", path, "--phase", "TEST", "--optimize", "--iterations", 1)
    assert shown.splitlines()[-2].split()[:2] == ["net", "fast"]
    with pytest.raises(click.UsageError, match="add --phase TEST"):
        run("time", path, "--optimize")


def test_no_compiler_is_told(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NetError, match="needs a C\\+\\+ compiler, and there is none"):
        compiled(protonet.compile(NET))


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:.torch.jit:DeprecationWarning"
)  # in torch.compile's own modules
def test_torch_compile_gives_the_same(monkeypatch):
    from torch._inductor import config

    monkeypatch.setattr(config, "freezing", False)  # and put back afterwards
    net = protonet.compile(NET)
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        assert torch.allclose(compiled(net)(x), net(x), atol=1e-4)
