"""Lowering and its passes: each layer once, each line with its origin, nothing changed behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import protonet
from protonet.api import graph_of, lowered
from protonet.layers import REGISTRY
from protonet.lowering.nest import nest
from protonet.lowering.shorten import shorten
from protonet.passes import fold_batch_norm
from protonet.program.program import Free
from protonet.program.source import pieces, source
from protonet.selection import Selection

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
NETS = ["googlenet/deploy", "resnet50/deploy", "mobilenet_v2/deploy", "teaching/aspp"]


def described(graph):
    """All that a graph says, as text."""
    return [
        (n.name, n.type, type(n.layer).__name__, n.inputs, n.outputs, n.params, n.loss_weights)
        for n in graph.nodes
    ], [v.producer for n in graph.nodes for v in n.outputs]


@pytest.mark.parametrize("name", NETS)
def test_a_pass_leaves_what_it_was_given(name):
    path = ZOO / f"{name}.prototxt"
    graph = graph_of(path, Selection())
    before = described(graph)
    folded = fold_batch_norm(graph)
    assert described(graph) == before
    made = lowered(path, Selection())
    flat = [(s.target, s.value.text(), s.origin) for s in made.flat.main.statements]
    text = source(made.program)
    assert (source(made.program), source(made.program, "w.safetensors") != text) == (text, True)
    nest(made.flat, folded), shorten(made.flat, folded)
    assert [(s.target, s.value.text(), s.origin) for s in made.flat.main.statements] == flat


def test_a_program_is_frozen():
    made = lowered(ZOO / "lenet" / "deploy.prototxt", Selection())
    for part in (made, made.program, made.program.main, made.program.main.statements[0]):
        assert is_dataclass(part)
        with pytest.raises(AttributeError):
            setattr(part, fields(part)[0].name, None)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("faithful", [False, True])
def test_every_layer_is_lowered_once(name, faithful, monkeypatch):
    calls = Counter()
    classes = {cls for cls in REGISTRY.values() if "lower" in vars(cls)}
    for cls in classes:
        lower = cls.lower

        def counted(self, b, *bottoms, lower=lower):
            calls[self.message.name] += 1
            return lower(self, b, *bottoms)

        monkeypatch.setattr(cls, "lower", counted)
    made = lowered(ZOO / f"{name}.prototxt", Selection(faithful=faithful))
    assert set(calls.values()) == {1}
    assert set(calls) <= {node.name for node in made.graph.nodes}


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("name", ["alexnet/train_val", "resnet50/train_val"])
def test_every_line_of_a_class_has_its_origin(name, phase):
    made = lowered(ZOO / f"{name}.prototxt", Selection(phase)).program
    main = made.main
    stated = [s for s in main.statements if not isinstance(s, Free)]
    for part in (*main.submodules, *main.shares, *main.fills, *main.frozen, *stated):
        assert part.origin, part
    told = {o.name for piece in pieces(made) for o in piece.origin}
    net = graph_of(ZOO / f"{name}.prototxt", Selection(phase))
    silent = {n.name for n in net.nodes if n.layer.is_data or n.type == "Silence"}
    assert told == {n.name for n in net.nodes} - silent


def test_a_layer_that_was_written_into_another_line_keeps_its_own():
    text = """
    input: "x" input_shape { dim: 2 dim: 3 }
    layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
            inner_product_param { num_output: 4 } }
    layer { name: "relu" type: "ReLU" bottom: "fc" top: "fc" }
    layer { name: "drop" type: "Dropout" bottom: "fc" top: "fc" }
    """
    main = lowered(text, Selection()).program.main
    assert not main.statements
    assert [origin.name for origin in main.result_origin] == ["fc", "relu", "drop"]


LOSS = """
input: "x" input_shape { dim: 4 dim: 3 } input: "label" input_shape { dim: 4 }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param { num_output: 2 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
        loss_weight: 2 }
"""


def test_the_objective_may_be_named_and_stands_beside_named_blobs():
    import torch

    x, label = torch.rand(4, 3), torch.zeros(4)
    for outputs, keys in (
        (["fc"], ["fc", "objective"]),
        (["objective"], ["objective"]),
        (["fc", "objective", "loss"], ["fc", "loss", "objective"]),
    ):
        found = protonet.compile(LOSS, phase="TRAIN", outputs=outputs)(x, label)
        assert list(found) == keys
        assert "loss" not in found or torch.equal(found["objective"], 2 * found["loss"])


def test_outside_of_training_the_objective_is_there_where_it_is_named():
    import torch

    x, label = torch.rand(4, 3), torch.zeros(4)
    found = protonet.compile(LOSS, outputs=["objective", "loss"])(x, label)
    assert torch.equal(found["objective"], 2 * found["loss"])
    assert list(protonet.compile(LOSS, outputs=["loss"])(x, label)) == ["loss"]


def test_a_net_without_a_loss_has_no_objective():
    lossless = LOSS[: LOSS.index('layer { name: "loss"')]
    with pytest.raises(protonet.NetError, match="no blob 'objective'"):
        protonet.compile(lossless, phase="TRAIN", outputs=["objective"])
