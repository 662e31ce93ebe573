"""Layers run one by one: the numbers of the whole net, on the net's own parameters."""

from __future__ import annotations

import gc
import linecache
import sys
from pathlib import Path

import pytest
import torch

from protonet.api import lowered
from protonet.runtime.net import kept_state, runnable
from protonet.runtime.stage import stages
from protonet.selection import Selection

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
CPU = torch.device("cpu")
RECURRENT = """
input: "x" input_shape { dim: 3 dim: 2 dim: 4 } input: "c" input_shape { dim: 3 dim: 2 }
layer { name: "l" type: "LSTM" bottom: "x" bottom: "c" top: "y"
        recurrent_param { num_output: 5 weight_filler { type: "xavier" } } }
"""
TURNED = """
input: "x" input_shape { dim: 2 dim: 6 }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "h" param { name: "w" }
        inner_product_param { num_output: 4 weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "h" top: "y" param { name: "w" }
        inner_product_param { num_output: 6 transpose: true weight_filler { type: "xavier" } } }
"""


def made(source, phase="TEST", **options):
    net = runnable(lowered(source, Selection.of(phase, **options)), CPU)
    net.module.train(phase == "TRAIN")
    for buffer in net.module.buffers():
        buffer.fill_(1)  # statistics of nothing are no numbers
    return net


def batch_of(net):
    draw = torch.Generator().manual_seed(1)
    shapes = {value.blob: value.shape for value in net.graph.inputs}
    return {
        blob: torch.rand(shape, generator=draw) if len(shape) > 1 else torch.ones(shape)
        for blob, shape in shapes.items()
    }


def by_layers(net, batch, some=None):
    values = net.inputs(batch)
    for stage in some or net.stages:
        values |= stage.run(net.module, values)
    return values


@pytest.mark.parametrize(
    ("name", "phase", "faithful"),
    [
        ("lenet/deploy", "TEST", False),
        ("lenet/train_val", "TRAIN", False),
        ("resnet20_cifar/deploy", "TEST", False),
        ("resnet20_cifar/deploy", "TEST", True),
        ("mobilenet_v2/deploy", "TEST", False),
    ],
)
def test_layer_by_layer_it_is_the_whole_net(name, phase, faithful):
    shapes = {"data": (2, 1, 28, 28), "label": (2,)} if "train_val" in name else None
    net = made(ZOO / f"{name}.prototxt", phase, faithful=faithful, shapes=shapes)
    batch = batch_of(net)
    whole = net.module(*batch.values())
    whole = whole if isinstance(whole, dict) else {net.graph.outputs[0].blob: whole}
    values = {value.blob: tensor for value, tensor in by_layers(net, batch).items()}
    for blob, tensor in whole.items():
        if blob != "objective":
            assert torch.equal(values[blob], tensor), blob
    if phase == "TRAIN":
        assert torch.equal(net.objective(by_layers(net, batch)), whole["objective"])


def test_random_layers_draw_what_the_whole_net_draws():
    net = made(ZOO / "alexnet" / "train_val.prototxt", "TRAIN", shapes={"data": (1, 3, 227, 227)})
    batch = {**batch_of(net), "label": torch.zeros(1)}
    torch.manual_seed(3)
    whole = net.module(*(batch[value.blob] for value in net.graph.inputs))
    torch.manual_seed(3)
    values = {value.blob: tensor for value, tensor in by_layers(net, batch).items()}
    assert torch.equal(values["loss"], whole["loss"])


def test_a_range_of_layers_is_one_stage():
    net = made(ZOO / "lenet" / "deploy.prototxt")
    nodes = [node for node in net.graph.nodes if not node.layer.is_data]
    runs = [nodes[:3], nodes[3:]]
    first, second = stages(net.lowered, net.module, runs)
    assert [value.blob for value in first.bottoms] == ["data"]
    assert [value.blob for value in second.bottoms] == [nodes[2].outputs[0].blob]
    batch = batch_of(net)
    values = by_layers(net, batch, [first, second])
    assert torch.equal(values[net.graph.outputs[0]], net.module(*batch.values()))


def test_stages_are_made_once_and_go_with_the_net():
    modules, lines = set(sys.modules), set(linecache.cache)
    net = made(ZOO / "lenet" / "deploy.prototxt")
    assert net.stages is net.stages
    assert len(net.stages) == len([n for n in net.graph.nodes if not n.layer.is_data])
    assert len(set(sys.modules) - modules) <= 1  # the net's own, where no test had it before
    assert any(name.startswith("<stages ") for name in set(linecache.cache) - lines)
    del net
    gc.collect()
    assert not any(name.startswith("<stages ") for name in set(linecache.cache) - lines)


def test_a_parameter_of_another_layer_takes_its_gradient():
    net = made(TURNED, outputs=["h", "y"])
    x = torch.rand(2, 6)
    values = by_layers(net, {"x": x})
    whole = net.module(x)
    assert all(torch.equal(values[v], whole[v.blob]) for v in values if v.blob in whole)
    gradients = []
    for found in (whole["y"], next(t for v, t in values.items() if v.blob == "y")):
        net.module.zero_grad()
        found.sum().backward()
        gradients.append([p.grad.clone() for p in net.module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_recurrent_state_goes_on_and_is_put_back():
    net = made(RECURRENT)
    batch = {"x": torch.rand(3, 2, 4), "c": torch.ones(3, 2)}
    module = net.module.l
    with kept_state(net.module), torch.no_grad():
        first, second = (by_layers(net, batch)[net.stages[0].tops[0]] for _ in range(2))
        assert not torch.equal(first, second)
    assert torch.equal(module.hidden, torch.ones(2, 5))
    assert torch.equal(net.module(*batch.values()), first)
