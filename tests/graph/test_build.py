"""The graph as Net::Init builds it, and what it says where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import protonet
from protonet import NetError, NetErrors
from protonet.api import check, graph, phases_without_data
from protonet.diagnostics import SameNames

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
DATA = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 } } }\n'
LABELS = 'layer { name: "l" type: "Input" top: "label" input_param { shape { dim: 2 } } }\n'


def fc(name, bottom, outputs=3, extra=""):
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" {extra} '
        f'inner_product_param {{ num_output: {outputs} weight_filler {{ type: "xavier" }} }} }}\n'
    )


def refused(text, **options):
    with pytest.raises(NetError) as caught:
        graph(text, **options)
    return str(caught.value)


def test_in_place_layers_make_new_values():
    net = graph(DATA + fc("a", "x") + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }')
    first, second = net.nodes[1].outputs[0], net.nodes[2].outputs[0]
    assert first is not second
    assert net.blobs["a"] is second
    assert [v.blob for v in net.outputs] == ["a"]


def test_outputs_are_what_nobody_reads():
    net = graph(DATA + fc("a", "x") + fc("b", "a") + fc("c", "a"))
    assert [v.blob for v in net.outputs] == ["b", "c"]
    module = protonet.compile(DATA + fc("a", "x") + fc("b", "a") + fc("c", "a"))
    assert list(module(torch.ones(2, 3))) == ["b", "c"]


def test_a_blob_after_its_in_place_layers():
    text = DATA + fc("a", "x") + 'layer { name: "r" type: "ReLU" bottom: "a" top: "a" }' + LABELS
    net = protonet.compile(text, outputs=["a", "x"], faithful=True)
    x = torch.randn(2, 3)
    given = net(x, torch.zeros(2))
    assert torch.equal(given["a"], torch.relu(net.a(x)))
    assert torch.equal(given["x"], x)


def test_every_problem_is_reported_once():
    text = DATA + fc("a", "y") + fc("b", "a") + fc("c", "x", 0)
    with pytest.raises(NetErrors) as caught:
        graph(text)
    words = [error.message for error in caught.value.errors]
    assert ["'y'" in words[0], "num_output" in words[1], len(words)] == [True, True, 2]


def test_shared_parameters_are_one_param():
    shared = 'param { name: "w" } param { name: "b" }'
    net = graph(DATA + fc("a", "x", extra=shared) + fc("b", "a", extra=shared))
    assert net.nodes[1].params[0] is net.nodes[2].params[0]
    assert [p.size for p in net.params] == [9, 3]
    other = DATA + fc("a", "x", extra=shared) + fc("b", "a", 4, extra=shared)
    assert "shares the parameter 'w' of shape 3x3 with layer 'a'" in refused(other)


def test_permissive_sharing_is_by_count_alone():
    spec = 'param { name: "w" share_mode: PERMISSIVE } param { name: "b" }'
    text = DATA + fc("a", "x", 3, 'param { name: "w" } param { name: "b" }')
    text += fc("b", "x", 3, spec)
    net = protonet.compile(text)
    assert net.a.weight is net.b.weight


def test_objective_is_the_weighted_sum():
    loss = 'layer { name: "%s" type: "EuclideanLoss" bottom: "a" bottom: "x" top: "%s" %s }\n'
    text = (
        DATA + fc("a", "x") + loss % ("one", "one", "") + loss % ("two", "two", "loss_weight: 0.5")
    )
    net = protonet.compile(text, phase="TRAIN")
    given = net(torch.randn(2, 3))
    assert torch.allclose(given["objective"], given["one"] + 0.5 * given["two"])
    assert list(given) == ["one", "two", "objective"]
    assert "objective" not in protonet.compile(text)(torch.randn(2, 3))


def test_a_loss_without_a_top_counts():
    text = DATA + LABELS + fc("a", "x")
    text += 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "a" bottom: "label" }'
    given = protonet.compile(text, phase="TRAIN")(torch.randn(2, 3), torch.zeros(2))
    assert torch.equal(given["objective"], given["loss"])


def test_frozen_parameters_take_no_gradient():
    text = DATA + fc("a", "x", extra="param { lr_mult: 0 } param { lr_mult: 2 }")
    net = protonet.compile(text, phase="TRAIN")
    assert (net.a.weight.requires_grad, net.a.bias.requires_grad) == (False, True)


@pytest.mark.parametrize("force", [False, True])
def test_propagate_down(force):
    text = f"force_backward: {str(force).lower()}\n" + DATA + fc("a", "x")
    text += fc("b", "a", extra="propagate_down: false")
    net = protonet.compile(text, phase="TRAIN")
    net(torch.randn(2, 3)).sum().backward()
    assert (net.a.weight.grad is not None) is force
    assert net.b.weight.grad is not None


def test_a_data_layers_shape():
    text = (
        'layer { name: "d" type: "Data" top: "data" top: "label" include { phase: %s } '
        'data_param { source: "db" batch_size: 4 } %s }\n'
    )
    known = graph(text % ("TEST", "transform_param { crop_size: 9 }"))
    assert [v.shape for v in known.inputs] == [(4, 3, 9, 9), (4,)]
    unknown = text % ("TEST", "")
    assert "--shape data=NxCxHxW" in refused(unknown)
    given = graph(unknown, shapes={"data": (5, 1, 8, 8)})
    assert [v.shape for v in given.inputs] == [(5, 1, 8, 8), (5,)]
    assert protonet.check(unknown) == []
    assert "no input" in refused(unknown, shapes={"data": (5, 1, 8, 8), "dta": (1,)})


@pytest.mark.parametrize(
    "legacy",
    [
        'input: "x" input_dim: 2 input_dim: 3 input_dim: 4 input_dim: 4',
        'input: "x" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 }',
    ],
)
def test_legacy_inputs(legacy):
    text = legacy + ' layer { name: "r" type: "ReLU" bottom: "x" top: "y" }'
    assert graph(text).blobs["y"].shape == (2, 3, 4, 4)
    assert protonet.compile(text)(torch.ones(2, 3, 4, 4)).shape == (2, 3, 4, 4)


@pytest.mark.parametrize("source", [5, None, b"name: 'x'", ["x"]])
def test_what_is_no_source(source):
    with pytest.raises(NetError, match="a path, a text or a message"):
        protonet.compile(source)
    assert len(protonet.check(source)) == 1


def test_one_top_twice_is_refused():
    text = DATA + 'layer { name: "s" type: "Split" bottom: "x" top: "a" top: "a" }'
    assert "the top of layer 's' already" in refused(text)


def test_of_two_layers_with_one_name_the_first_is_loaded():
    text = DATA + fc("a", "x") + fc("b", "a").replace('name: "b"', 'name: "a"')
    with pytest.warns(SameNames):
        net = protonet.compile(text)
    protonet.load_blobs(net, {"a": [torch.zeros(3, 3).numpy(), torch.ones(3).numpy()]})
    assert (net.a.bias == 1).all()


def test_a_net_beyond_the_memory():
    with pytest.raises(NetError, match="not enough memory"):
        protonet.compile(DATA.replace("dim: 3", "dim: 1000000") + fc("a", "x", 4_000_000_000))


def test_an_unknown_output_is_named():
    with pytest.raises(NetError, match="no blob 'bb'"):
        protonet.emit(DATA + fc("b", "x"), outputs=["bb"])


TRAIN_ONLY = """layer { name: "d" type: "Data" top: "x" top: "label" include { phase: TRAIN }
  data_param { source: "here" batch_size: 2 } }
layer { name: "f" type: "Flatten" bottom: "%s" top: "y" }
layer { name: "l" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
"""


def test_a_phase_without_a_data_layer_is_no_net_of_the_file():
    """Layers without a rule are of both phases, but there is nothing to feed them in TEST."""
    right = TRAIN_ONLY % "x"
    assert check(right) == []
    assert phases_without_data(right) == ["TEST"]
    said = refused(right, phase="TEST")
    assert "the bottom 'x' is not the top of any layer" in said
    assert "the data layer that makes it is of another phase or stage" in said


def test_a_typo_stays_one_where_a_phase_has_no_data_layer():
    (problem,) = check(TRAIN_ONLY % "xx")
    assert "the bottom 'xx' is not the top of any layer" in problem.message
    assert problem.span is not None
    assert problem.span.line == 3


def test_a_blob_that_the_data_of_one_phase_lack_stays_a_problem():
    both = DATA.replace("layer {", "layer { include { phase: TEST }") + TRAIN_ONLY % "x"
    assert phases_without_data(both) == []
    (problem,) = check(both)
    assert "the bottom 'label' is not the top of any layer" in problem.message


def test_data_under_a_stage_alone():
    staged = (TRAIN_ONLY % "x").replace("TRAIN", 'TEST stage: "s"')
    assert check(staged) == []
    assert phases_without_data(staged) == ["TRAIN", "TEST"]
    assert phases_without_data(DATA + fc("a", "x")) == []


def test_parts_of_a_graph_show_themselves_in_a_line():
    net = graph(DATA + "".join(fc(f"f{i}", f"f{i - 1}" if i else "x") for i in range(50)))
    node = net.nodes[2]
    assert repr(node) == "<Node 'f1' InnerProduct>"
    assert repr(node.inputs[0]) == "<Value 'f0' 2x3>"
    assert repr(node.params[0]) == "<Param 0 of 'f1' 3x3>"
    assert repr(net) == "<Graph '' TEST, 51 layers>"


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_a_data_layer_without_a_size_has_that_of_its_records(phase, monkeypatch):
    net = graph(ZOO / "lenet" / "train_val.prototxt", phase)
    assert [v.shape[1:] for v in net.inputs] == [(1, 28, 28), ()]
    text = (ZOO / "lenet" / "train_val.prototxt").read_text()
    assert "the shape of 'data' is not known" in refused(text.replace("_lmdb", "_none"))
    monkeypatch.chdir(ZOO)
    given = graph(text, phase, shapes={"data": (5, 1, 30, 30)})
    assert [v.shape for v in given.inputs] == [(5, 1, 30, 30), (5,)]
