"""Nets of the wild have the shapes that real Caffe gave them.

The nets can't be kept here: PROTONET_CORPUS names a folder of them with caffe_shapes.json, {path:
{"accepts": bool, "blobs": {name: shape}, "params": {layer: [shape, ...]}}}.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

import protonet
from protonet import NetError
from protonet.api import graph

FOLDER = Path(os.environ.get("PROTONET_CORPUS", ""))
KNOWN = FOLDER / "caffe_shapes.json"
MEASURED = json.loads(KNOWN.read_text()) if KNOWN.is_file() else {}
pytestmark = pytest.mark.skipif(not MEASURED, reason="PROTONET_CORPUS names no folder of nets")


def size(case):
    """Elements of all blobs and parameters."""
    shapes = [*case["blobs"].values(), *(s for p in case["params"].values() for s in p)]
    return sum(int(torch.Size(shape).numel()) for shape in shapes)


ACCEPTED = sorted((n for n, c in MEASURED.items() if c["accepts"]), key=lambda n: size(MEASURED[n]))
REFUSED = sorted(n for n, c in MEASURED.items() if not c["accepts"])


@pytest.mark.parametrize("name", ACCEPTED)
def test_infer_gives_the_shapes(name):
    net = graph(FOLDER / name)
    blobs = {blob: list(value.shape) for blob, value in net.blobs.items()}
    params = {n.name: [list(p.shape) for p in n.params] for n in net.nodes if n.params}
    assert blobs == MEASURED[name]["blobs"]
    assert params == MEASURED[name]["params"]


@pytest.mark.parametrize("name", ACCEPTED[: (len(ACCEPTED) + 1) // 2])
def test_the_module_gives_the_shapes(name):
    net = graph(FOLDER / name)
    module = protonet.compile(FOLDER / name, outputs=list(net.blobs), faithful=True)
    with torch.no_grad():
        given = module(*(torch.zeros(value.shape) for value in net.inputs))
    assert {b: list(v.shape) for b, v in given.items()} == MEASURED[name]["blobs"]
    dumped = protonet.dump_blobs(module)
    params = {layer: [list(a.shape) for a in blobs] for layer, blobs in dumped.items() if blobs}
    assert params == MEASURED[name]["params"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_caffe_refuses_is_refused(name):
    if "CUDNN" in (FOLDER / name).read_text(errors="replace"):
        pytest.skip("a Caffe without a GPU refuses its engine")
    with pytest.raises(NetError):
        graph(FOLDER / name)
