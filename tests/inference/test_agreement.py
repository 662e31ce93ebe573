"""compile --verify: what is made beside the layers one by one, and what it finds wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import protonet
from protonet.api import lowered
from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.inference import agreement
from protonet.inference.agreement import TOLERANCE, differences
from protonet.runtime.net import runnable
from protonet.selection import Selection
from protonet.weights.mapping import load_weights

NET = """
name: "folded" input: "data" input_shape { dim: 2 dim: 3 dim: 9 dim: 9 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 6 kernel_size: 3 weight_filler { type: "msra" } } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc"
        inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "most" type: "ArgMax" bottom: "fc" top: "most" argmax_param { axis: 1 } }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    draw = np.random.default_rng(0)
    net = protonet.compile("net.prototxt", faithful=True)
    blobs = protonet.weights.mapping.dump_blobs(net)
    blobs["bn"] = [draw.normal(size=6), draw.uniform(0.1, 3, 6), np.array([2.0])]
    blobs["scale"] = [draw.normal(size=6), draw.normal(size=6)]
    protonet.load_blobs(net, blobs)
    protonet.save(net, "net.caffemodel")


def nets():
    """The net as it is written, and layer by layer."""
    found = []
    for faithful in (False, True):
        made = lowered("net.prototxt", replace(Selection(), faithful=faithful))
        found.append(runnable(made, torch.device("cpu")))
        load_weights(found[-1].module, "net.caffemodel")
    return found


def run(*arguments):
    done = CliRunner().invoke(group, ["compile", "net.prototxt", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.mark.usefixtures("folder")
def test_a_folded_net_is_the_net():
    x = torch.randn(2, 3, 9, 9)
    parts, whole = differences(*nets(), {"data": x})
    assert [one.blob for one in parts] == ["conv", "fc", "most"]
    assert all(one.ratio < TOLERANCE / 10 for one in (*parts, *whole))
    assert parts[0].largest > 0  # other arithmetic, not the same one twice
    with torch.no_grad():
        y = protonet.compile("net.prototxt", weights="net.caffemodel", outputs=["fc"])(x)["fc"]
    assert parts[1].size == pytest.approx(y.abs().max().item(), rel=1e-5)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("layer", "first"), [("conv", "conv"), ("fc", "fc")])
def test_a_net_that_differs_is_found_where_it_does(layer, first):
    net, reference = nets()
    with torch.no_grad():
        getattr(net.module, layer).weight.mul_(1.01)
    parts, whole = differences(net, reference, {"data": torch.randn(2, 3, 9, 9)})
    far = [one for one in parts if one.is_far]
    assert far[0].blob == first
    assert far[0].ratio == pytest.approx(0.01, rel=0.9)
    assert [one.decided for one in whole] == [True]


@pytest.mark.usefixtures("folder")
def test_what_is_no_number_is_far():
    net, reference = nets()
    with torch.no_grad():
        net.module.fc.bias[0] = float("nan")
    parts, _ = differences(net, reference, {"data": torch.randn(2, 3, 9, 9)})
    assert [one.blob for one in parts if one.is_far] == ["fc"]
    assert parts[1].largest == float("inf")


@pytest.mark.usefixtures("folder")
def test_the_command_tells_and_writes():
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite("i.png", np.full((5, 5, 3), 99, np.uint8))
    weights = ("--weights", "net.caffemodel")
    assert "verified on noise: 3 blobs within 0.0001" in run(*weights, "--verify").stderr
    done = run(*weights, "-o", "net.py", "--mean", "1,2,3", "--verify", "i.png")
    assert "verified on i.png: 3 blobs within 0.0001 of their largest value" in done.stderr
    assert Path("net.safetensors").exists()
    assert "the worst of 3 blobs" in done.stderr


@pytest.mark.usefixtures("folder")
def test_the_command_refuses_what_differs(monkeypatch):
    monkeypatch.setattr(agreement, "TOLERANCE", 1e-12)
    with pytest.raises(NetError, match=r"the compiled net is not the net: .* nothing is written"):
        run("--weights", "net.caffemodel", "-o", "net.py", "--verify")
    assert not Path("net.py").exists()


@pytest.mark.usefixtures("folder")
def test_a_comparison_that_says_nothing_is_refused():
    assert "give --weights" in run("--verify").stderr
    trained = run("--weights", "net.caffemodel", "--phase", "TRAIN", "--verify")
    assert (trained.exit_code, "TRAIN draws at random" in trained.stderr) == (2, True)
    with pytest.raises(NetError, match=r"gone\.png is no image"):
        run("--weights", "net.caffemodel", "--verify", "gone.png")
