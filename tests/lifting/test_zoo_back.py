"""The zoo's nets there and back: compiled to PyTorch, lifted, and the same nets again."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import protonet
from protonet.api import graph
from protonet.diagnostics import Source
from protonet.text.format import format_text
from protonet.text.parse import parse

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
QUICK = ("lenet", "lenet5", "teaching/inverted_residual")
# Nets that come back in another form, and why: Clip says ReLU6, where the dialect has it.
CLIPPED = ("mobilenet_v2", "teaching/inverted_residual")
REWRITTEN = {
    r"resnet\d+_(cifar|padded)": "a shortcut of Pooling, Power and Concat is one Convolution",
    r"lenet5": "Power and TanH work in place, and maps that lie together are cut at once",
    r"teaching/aspp|deeplabv3_os\d+": "Tile spreads what was multiplied with a map of ones",
    r"teaching/flatten_head": "InnerProduct flattens by itself",
}
WEIGHTED = ("Convolution", "InnerProduct")


def paths():
    return sorted([*ZOO.glob("*/deploy.prototxt"), *ZOO.glob("teaching/*.prototxt")])


def name_of(path):
    return path.parent.name if path.name == "deploy.prototxt" else f"teaching/{path.stem}"


def cases():
    for path in paths():
        slow = [] if name_of(path) in QUICK else [pytest.mark.slow]
        yield pytest.param(path, marks=slow, id=name_of(path))


def canonical(text):
    return format_text(parse(Source("text", text)))


def parameters(blobs):
    """Every parameter's bits, however its layer is called."""
    return Counter(
        np.ascontiguousarray(blob, np.float32).tobytes()
        for layer in blobs.values()
        for blob in layer
    )


def shapes(net, kinds=None):
    """How often a net has blobs of each shape; of layers of these types alone."""
    if kinds is None:
        return Counter(value.shape for value in net.blobs.values())
    return Counter(node.outputs[0].shape for node in net.nodes if node.type in kinds)


def lines(path):
    return len(canonical(path.read_text()).splitlines())


@pytest.mark.parametrize("path", list(cases()))
def test_a_net_comes_back(path, tmp_path):
    """The same blobs, parameters and length; of one in another form, all that has weights."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    net = protonet.compile(path)
    given = [torch.randn(value.shape) for value in graph(path).inputs]
    dialect = "master" if name_of(path) in CLIPPED else "bvlc"
    report = protonet.to_caffe(net, given, tmp_path / "net", dialect)
    assert report.difference <= 1e-4
    ours, theirs = graph(Path(report.prototxt)), graph(path)
    mine, right = map(
        parameters, (protonet.read_blobs(report.caffemodel), protonet.dump_blobs(net))
    )
    assert [value.shape for value in ours.inputs] == [value.shape for value in theirs.inputs]
    assert list(report.outputs.values()) == [value.shape for value in theirs.outputs]
    if any(re.fullmatch(names, name_of(path)) for names in REWRITTEN):
        assert not right - mine
        assert not shapes(theirs, WEIGHTED) - shapes(ours, WEIGHTED)
    else:
        assert mine == right
        assert shapes(ours) == shapes(theirs)
    before = lines(path)
    assert 0.8 * before <= lines(Path(report.prototxt)) <= 1.2 * before


class _Gains(nn.Module):
    """Numbers that are all alike, since nothing has trained them yet."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(3))
        self.bias = nn.Parameter(torch.zeros(3))
        self.norms = nn.ModuleList([nn.BatchNorm2d(3), nn.BatchNorm2d(3)])

    def forward(self, x):
        x = torch.tanh(0.5 * (x * self.gain.view(1, 3, 1, 1) + self.bias.reshape(3, 1, 1)))
        return self.norms[0](x), self.norms[1](x)


def test_parameters_that_were_never_trained_stay_parameters(tmp_path):
    module = _Gains().eval()
    report = protonet.to_caffe(module, torch.randn(1, 3, 4, 4), tmp_path / "net")
    types = [kind for _, kind in report.layers if kind != "Input"]
    assert types == ["Scale", "Power", "TanH", *("BatchNorm", "Scale") * 2]
    blobs = [each for each in protonet.read_blobs(report.caffemodel).values() if each]
    gain, bias = blobs[0]
    np.testing.assert_array_equal(gain, np.ones(3))
    np.testing.assert_array_equal(bias, np.zeros(3))
    assert len(blobs) == 5
