"""The zoo's nets there and back: compiled to PyTorch, lifted, and the same nets again."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import protonet
from protonet.api import graph
from protonet.diagnostics import Source
from protonet.text.format import format_text
from protonet.text.parse import parse

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
QUICK = ("lenet", "resnet20_cifar", "teaching/inverted_residual")


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


@pytest.mark.parametrize("path", list(cases()))
def test_a_net_comes_back(path, tmp_path):
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    net = protonet.compile(path)
    given = [torch.randn(value.shape) for value in graph(path).inputs]
    report = protonet.to_caffe(net, given, tmp_path / "net")
    assert report.difference <= 1e-4
    ours, theirs = graph(Path(report.prototxt)), graph(path)
    shapes, right = (Counter(v.shape for v in each.blobs.values()) for each in (ours, theirs))
    assert shapes == right
    assert parameters(protonet.read_blobs(report.caffemodel)) == parameters(
        protonet.dump_blobs(net)
    )
    before, after = (
        len(canonical(p.read_text()).splitlines()) for p in (path, Path(report.prototxt))
    )
    assert 0.8 * before <= after <= 1.2 * before
