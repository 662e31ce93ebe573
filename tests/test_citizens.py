"""Every net measured on Caffe goes through torch's own tools, with the same numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call, vmap

import protonet
from protonet.api import graph

FOLDER = Path(__file__).parent / "golden" / "layers"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
# BatchNorm by the batch's statistics, and the state of a recurrent layer, are not for one item.
KEEPS_STATE = {"BatchNorm", "LSTM", "RNN"}
# Whole numbers or comparisons: there is nothing to differentiate.
FLAT = {"Accuracy", "ArgMax", "Threshold", "Embed"}


def case(name):
    net_graph = graph(FOLDER / f"{name}.prototxt", phase=MANIFEST[name]["phase"])
    data = np.load(FOLDER / f"{name}.npz")
    net = protonet.compile(
        FOLDER / f"{name}.prototxt",
        phase=MANIFEST[name]["phase"],
        outputs=[v.blob for v in net_graph.outputs],
        faithful=True,
    )
    params = {}
    for key in data.files:
        kind, _, rest = key.partition("/")
        if kind == "param":
            params.setdefault(rest.rsplit("/", 1)[0], []).append(data[key])
    protonet.load_blobs(net, params)
    inputs = [torch.from_numpy(data[f"in/{v.blob}"]) for v in net_graph.inputs]
    return net_graph, net, inputs


def is_random(net_graph):
    return net_graph.phase == "TRAIN" and any(n.type == "Dropout" for n in net_graph.nodes)


def values(result):
    return [value.detach() for value in result.values()]


def close(given, wanted):
    for a, b in zip(values(given), values(wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("guards_unmeasured")
@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_torch_compile_takes_the_whole_graph(name):
    net_graph, net, inputs = case(name)
    _, other, _ = case(name)
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    given = compiled(*inputs)
    if not is_random(net_graph):
        close(given, other(*inputs))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its own parts
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("name", ["net_alex", "net_inception", "lrn_within", "lstm_static"])
def test_inductor_gives_the_same_numbers(name):
    _, net, inputs = case(name)
    _, other, _ = case(name)
    torch.compiler.reset()
    compiled = torch.compile(net, fullgraph=True)
    close(compiled(*inputs), other(*inputs))


@pytest.mark.usefixtures("operators_once")
@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_torch_export(name):
    net_graph, net, inputs = case(name)
    _, other, _ = case(name)
    exported = torch.export.export(net, tuple(inputs)).module()
    if not is_random(net_graph):
        close(exported(*inputs), other(*inputs))


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_functional_call(name):
    net_graph, net, inputs = case(name)
    _, other, _ = case(name)
    state = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    given = functional_call(net, state, tuple(inputs))
    if not is_random(net_graph):
        close(given, other(*inputs))


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_vmap_over_a_stack_of_batches(name):
    net_graph, net, inputs = case(name)
    if is_random(net_graph) or any(n.type in KEEPS_STATE for n in net_graph.nodes):
        pytest.skip("it is random, or keeps a state")
    stacks = [torch.stack([x, x]) for x in inputs]
    given = vmap(net)(*stacks) if stacks else {}
    close({blob: value[1] for blob, value in given.items()}, net(*inputs))


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_it_moves_to_another_device(name):
    _, net, inputs = case(name)
    wanted = [tuple(value.shape) for value in net(*inputs).values()]
    net = net.to("meta")
    given = net(*(x.to("meta") for x in inputs))
    assert [tuple(value.shape) for value in given.values()] == wanted
    assert {value.device.type for value in given.values()} == {"meta"}


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_double_precision(name):
    _, net, inputs = case(name)
    given = net.double()(*(x.double() for x in inputs))
    assert {value.dtype for value in given.values()} == {torch.float64}


@pytest.mark.parametrize("name", [n for n in sorted(MANIFEST) if not n.startswith("net_")])
def test_gradients_are_those_of_the_values(name):
    net_graph, net, inputs = case(name)
    if is_random(net_graph) or any(n.type in FLAT for n in net_graph.nodes):
        pytest.skip("it is random, or flat nearly everywhere")
    net, inputs = net.double(), [x.double() for x in inputs]
    labels = {v for n in net_graph.nodes if any(n.loss_weights) for v in n.inputs[1:]}
    for value, x in zip(net_graph.inputs, inputs, strict=True):
        if value not in labels and len(value.shape) > 1 and value.blob not in ("c", "cont"):
            x.requires_grad_()
    if not any(x.requires_grad for x in inputs):
        pytest.skip("it takes no gradient")
    torch.autograd.gradcheck(
        lambda *xs: tuple(v for v in net(*xs).values() if v.requires_grad),
        tuple(inputs),
        eps=1e-6,
        atol=1e-4,
        rtol=1e-3,
        fast_mode=True,
    )
