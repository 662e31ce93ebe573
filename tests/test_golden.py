"""Every net measured on real Caffe: outputs, gradients, BatchNorm's blobs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import protonet
from protonet.api import graph

FOLDER = Path(__file__).parent / "golden" / "layers"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def named(data, prefix):
    return {key[len(prefix) :]: data[key] for key in data.files if key.startswith(prefix)}


def blobs_of(data, prefix):
    grouped: dict[str, dict[int, np.ndarray]] = {}
    for key, value in named(data, prefix).items():
        layer, index = key.rsplit("/", 1)
        grouped.setdefault(layer, {})[int(index)] = value
    return {layer: [blobs[i] for i in sorted(blobs)] for layer, blobs in grouped.items()}


def objective(net, results):
    total = 0.0
    for node in net.nodes:
        for value, weight in zip(node.outputs, node.loss_weights, strict=True):
            if weight:
                total = total + weight * results[value.blob].sum()
    return total


def close(key, actual, wanted):
    assert actual.shape == wanted.shape, key
    np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "folded"])
@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_equals_caffe(name, faithful):
    check(name, faithful)


def check(name, faithful, device="cpu", close=close):
    """Compare a case on a device with what Caffe computed."""
    case, data = MANIFEST[name], np.load(FOLDER / f"{name}.npz")
    path = FOLDER / f"{name}.prototxt"
    net_graph = graph(path, phase=case["phase"])
    wanted = named(data, "out/")
    net = protonet.compile(path, phase=case["phase"], outputs=list(wanted), faithful=faithful)
    params = blobs_of(data, "param/")
    if params:
        protonet.load_blobs(net, params)
    net.to(device)
    inputs = [torch.from_numpy(data[f"in/{v.blob}"]).to(device) for v in net_graph.inputs]
    gradients = named(data, "indiff/")
    for value, x in zip(net_graph.inputs, inputs, strict=True):
        x.requires_grad_(value.blob in gradients)
    for _ in range(case["iters"]):
        results = net(*inputs)
    for blob, expected in wanted.items():
        close(blob, results[blob].detach().cpu().numpy(), expected)
    if case["backward"]:
        backward(net_graph, net, results, inputs, data, close)
    after = blobs_of(data, "after/")
    dumped = protonet.dump_blobs(net) if after and faithful else {}
    for layer in dumped.keys() & after.keys():
        for i, expected in enumerate(after[layer]):
            close(f"after/{layer}/{i}", dumped[layer][i], expected)


def backward(net_graph, net, results, inputs, data, close):
    seeds = named(data, "outdiff/")
    if seeds:
        driven = [b for b in seeds if results[b].requires_grad]
        grads = [torch.from_numpy(seeds[b]).to(results[b].device) for b in driven]
        torch.autograd.backward([results[b] for b in driven], grads)
    else:
        objective(net_graph, results).backward()
    if not net_graph.force_backward and not any(any(n.loss_weights) for n in net_graph.nodes):
        # No loss and no force_backward: Caffe skips the whole backward pass and leaves zeros.
        measured = {**named(data, "indiff/"), **named(data, "paramdiff/")}
        assert not any(gradient.any() for gradient in measured.values())
        return
    for value, x in zip(net_graph.inputs, inputs, strict=True):
        if f"indiff/{value.blob}" in data.files:
            gradient = torch.zeros_like(x) if x.grad is None else x.grad
            close(f"indiff/{value.blob}", gradient.cpu().numpy(), data[f"indiff/{value.blob}"])
    dumped = protonet.dump_blobs(net, diff=True)
    for layer, blobs in blobs_of(data, "paramdiff/").items():
        for i, expected in enumerate(blobs):
            if i < len(dumped.get(layer, ())):
                close(f"paramdiff/{layer}/{i}", dumped[layer][i], expected)
