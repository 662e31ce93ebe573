"""On a GPU a net computes what Caffe measured, and what it computes on the CPU."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import test_golden
import test_layers
import torch
from torch import nn

import protonet
from protonet.api import graph

LABEL = 1.0  # a number that every label, count and index of an example may be


def close(key, actual, wanted):
    """To a ten-thousandth of the largest: a GPU adds in another order."""
    assert actual.shape == wanted.shape, key
    largest = max(1.0, float(np.abs(wanted).max(initial=0)))
    np.testing.assert_allclose(actual, wanted, rtol=1e-4, atol=1e-4 * largest, err_msg=key)


@pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "folded"])
@pytest.mark.parametrize("name", sorted(test_golden.MANIFEST))
def test_equals_caffe(name, faithful, device):
    test_golden.check(name, faithful, device, close)


def computed(net, inputs, device, training, seed):
    """Outputs, gradients and buffers of a pass of a copy of the net, all by name."""
    net = copy.deepcopy(net).to(device).train(training)
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    xs = [x.clone().to(device).requires_grad_(x.dim() > 2) for x in inputs]
    torch.manual_seed(seed)
    results = net(*xs)
    found = {f"out {blob}": y for blob, y in results.items()}
    driven = [y for y in results.values() if y.requires_grad]
    if driven:
        torch.autograd.backward(driven, [torch.ones_like(y) for y in driven])
    found |= {f"in {i}": x.grad for i, x in enumerate(xs) if x.grad is not None}
    found |= {f"grad {k}": p.grad for k, p in net.named_parameters() if p.grad is not None}
    found |= {f"buffer {k}": b for k, b in net.named_buffers()}
    return {key: x.detach().cpu().double().numpy() for key, x in found.items()}


def made_inputs(net, values):
    """Numbers of random order for what has places, so that none is as large as another."""
    draw = torch.Generator().manual_seed(1)
    for value in values:
        if value.blob == "mask":  # places of their own: of two numbers for one either may win
            places = torch.arange(float(value.shape[-2] * value.shape[-1]))
            yield places.view(value.shape[-2:]).expand(value.shape).clone()
        elif len(value.shape) > 2 and net == "random":
            yield torch.rand(value.shape, generator=draw) + 0.1
        else:
            yield torch.full(value.shape, LABEL)


def same(key, mine, other):
    return key in other and np.array_equal(mine, other[key], equal_nan=True)


def compare(source, phase, training, device, shapes=None):
    net_graph = graph(source, phase=phase, shapes=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = protonet.compile(source, phase=phase, outputs=list(net_graph.blobs), shapes=shapes)
    inputs = list(made_inputs("random", net_graph.inputs))
    try:
        wanted = computed(net, inputs, "cpu", training, 1)
    except (RuntimeError, IndexError):  # random numbers are not for this layer
        inputs = list(made_inputs("ones", net_graph.inputs))
        wanted = computed(net, inputs, "cpu", training, 1)
    again = computed(net, inputs, "cpu", training, 2)
    if not all(same(key, x, again) for key, x in wanted.items()):
        pytest.skip("it draws random numbers, and a GPU draws others")
    found = computed(net, inputs, device, training, 1)
    assert found.keys() == wanted.keys()
    for key, expected in wanted.items():
        close(key, found[key], expected)


@pytest.mark.parametrize("phase", ["TEST", "TRAIN"])
@pytest.mark.parametrize("example", test_layers.EXAMPLES)
def test_every_layer_is_as_on_the_cpu(example, phase, device):
    source = test_layers.whole_net(example)
    compare(source, phase, phase == "TRAIN", device, test_layers.given(example))


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", sorted(test_golden.MANIFEST))
def test_every_measured_net_is_as_on_the_cpu(name, training, device):
    path = test_golden.FOLDER / f"{name}.prototxt"
    compare(path, test_golden.MANIFEST[name]["phase"], training, device)


@pytest.mark.parametrize("name", ["net_alex", "net_inception", "net_lenet", "net_resnet_train"])
def test_a_pass_of_a_common_net_waits_for_nothing(name, device):
    path, phase = test_golden.FOLDER / f"{name}.prototxt", "TRAIN"
    net_graph = graph(path, phase=phase)
    net = protonet.compile(path, phase=phase, outputs=list(net_graph.blobs)).to(device)
    inputs = [x.to(device) for x in made_inputs("random", net_graph.inputs)]
    results = []
    for mode in ("default", "error"):
        if device == "cuda":
            torch.cuda.set_sync_debug_mode(mode)
        try:
            results = [y for y in net(*inputs).values() if y.requires_grad]
            torch.autograd.backward(results, [torch.ones_like(y) for y in results])
        finally:
            if device == "cuda":
                torch.cuda.set_sync_debug_mode("default")
    assert results
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())
