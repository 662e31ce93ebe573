"""Every net measured on real Caffe, through Caffe's own interface: blobs, diffs, parameters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import protonet.pycaffe as caffe

FOLDER = Path(__file__).parent.parent / "golden" / "layers"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def named(data, prefix):
    return {key[len(prefix) :]: data[key] for key in data.files if key.startswith(prefix)}


def close(key, actual, wanted):
    assert actual.shape == wanted.shape, key
    np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5, err_msg=key)


def of_layers(data, prefix):
    for key, wanted in named(data, prefix).items():
        layer, index = key.rsplit("/", 1)
        yield layer, int(index), wanted


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_blobs_and_diffs_are_caffes(name):
    case, data = MANIFEST[name], np.load(FOLDER / f"{name}.npz")
    net = caffe.Net(str(FOLDER / f"{name}.prototxt"), getattr(caffe, case["phase"]))
    for layer, index, values in of_layers(data, "param/"):
        net.params[layer][index].data[...] = values
    for _ in range(case["iters"]):
        for blob, values in named(data, "in/").items():
            net.blobs[blob].data[...] = values
        net.forward()
    for blob, wanted in named(data, "out/").items():
        close(blob, net.blobs[blob].data, wanted)
    if case["backward"]:
        for blob, seed in named(data, "outdiff/").items():
            net.blobs[blob].diff[...] = seed
        net.backward()
        for blob, wanted in named(data, "indiff/").items():
            close(f"indiff/{blob}", net.blobs[blob].diff, wanted)
        for layer, index, wanted in of_layers(data, "paramdiff/"):
            close(f"paramdiff/{layer}/{index}", net.params[layer][index].diff, wanted)
    for layer, index, wanted in of_layers(data, "after/"):
        close(f"after/{layer}/{index}", net.params[layer][index].data, wanted)
