"""The graph as Net::Init builds it, and what it says where it can't."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import protonet
from protonet import NetError, NetErrors
from protonet.api import graph, read
from protonet.checking import check
from protonet.diagnostics import SameNames
from protonet.graph.meant import lacking

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


@pytest.mark.parametrize("name", ["input", "weights"])
def test_a_net_beyond_the_memory_is_one_error(tmp_path, name):
    big = DATA.replace("dim: 3", "dim: 1000000000" if name == "input" else "dim: 100000000")
    (tmp_path / "net.prototxt").write_text(big + (fc("a", "x", 20) if name == "weights" else ""))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)); "
    limited += "from protonet.cli import main; main()"
    run = [sys.executable, "-c", limited, "compile", "net.prototxt", "--run"]
    result = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: there is not enough memory")


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
    assert list(lacking(read(right))) == ["TEST"]
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
    assert lacking(read(both)) == {}
    (problem,) = check(both)
    assert "the bottom 'label' is not the top of any layer" in problem.message


def test_data_under_a_stage_alone():
    staged = (TRAIN_ONLY % "x").replace("TRAIN", 'TEST stage: "s"')
    assert check(staged) == []
    assert list(lacking(read(staged))) == ["TRAIN", "TEST"]
    assert lacking(read(DATA + fc("a", "x"))) == {}


DEPLOY = (
    DATA
    + """layer { name: "a" type: "ReLU" bottom: "x" top: "a" include { phase: TEST } }
layer { name: "p" type: "Softmax" bottom: "a" top: "p" }
"""
)


def test_a_net_to_be_deployed_is_none_to_be_trained():
    """Its input is that of both phases, but only TEST has the layer between."""
    assert check(DEPLOY) == []
    assert lacking(read(DEPLOY)) == {
        "TRAIN": "layer 'p' (Softmax): the bottom 'a' is not the top of any layer"
    }
    (problem,) = check(DEPLOY, "train")
    assert problem.span is not None
    assert problem.span.line == 3
    assert check(DEPLOY, "TEST") == []


@pytest.mark.parametrize(
    "made",
    [
        'layer { name: "l" type: "EuclideanLoss" bottom: "x" bottom: "x" top: "l" }',
        'layer { name: "l" type: "Reduction" bottom: "x" top: "l" loss_weight: 1 }',
        DATA.replace("layer {", "layer { include { phase: TRAIN }").replace('"x"', '"z"'),
        'layer { name: "l" type: "DummyData" top: "l" dummy_data_param { shape { dim: 1 } } }',
    ],
)
def test_a_net_with_a_loss_or_data_is_to_be_trained(made):
    (problem,) = check(DEPLOY + made)
    assert "the bottom 'a' is not the top of any layer" in problem.message


def test_what_the_phase_asked_for_lacks():
    assert "the bottom 'x' is not the top" in check(TRAIN_ONLY % "x", "TEST")[0].message
    only = DATA.replace("layer {", "layer { include { phase: TEST }")
    assert check(only) == []
    assert "it has no layers in this phase" in check(only, "TRAIN")[0].message
    assert "the phase is TRAIN or TEST, not 'x'" in check(DATA, "x")[0].message


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


def wide(kind, fields, count):
    """A net in which one layer reads, or the objective adds, that many blobs."""
    names = [f"p{i}" for i in range(count)]
    one = (
        'layer {{ name: "{0}" type: "Power" bottom: "x" top: "{0}" power_param {{ shift: 2 }} }}\n'
    )
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    return DATA + "".join(map(one.format, names)) + f'layer {{ type: "{kind}" {bottoms} {fields} }}'


@pytest.mark.parametrize(
    ("operation", "coefficients", "wanted"),
    [("SUM", "", 2000), ("SUM", "coeff: 0.5 " * 1000, 1000), ("PROD", "", 1), ("MAX", "", 2)],
)
def test_a_thousand_bottoms(operation, coefficients, wanted):
    shift = "shift: 1" if operation == "PROD" else "shift: 2"
    fields = f'name: "e" top: "y" eltwise_param {{ operation: {operation} {coefficients} }}'
    text = wide("Eltwise", fields, 1000).replace("shift: 2", shift)
    assert check(text) == []
    assert (protonet.compile(text)(torch.zeros(2, 3)) == wanted).all()


def test_five_hundred_losses():
    loss = 'layer {{ name: "l{0}" type: "Reduction" bottom: "x" top: "l{0}" loss_weight: {1} }}\n'
    text = DATA + "".join(loss.format(i, 1 + i % 2) for i in range(500))
    assert check(text) == []
    assert protonet.compile(text, phase="TRAIN")(torch.ones(2, 3))["objective"] == 6 * 750


def test_a_long_chain():
    layer = 'layer {{ name: "c{0}" type: "Power" bottom: "x{0}" top: "x{1}" }}\n'
    text = DATA.replace('"x"', '"x0"') + "".join(layer.format(i, i + 1) for i in range(3000))
    assert check(text) == []
    assert (protonet.compile(text)(torch.ones(2, 3)) == 1).all()


LSTM = """layer {{ name: "l" type: "LSTM" bottom: "{}" bottom: "c" top: "y"
          {} recurrent_param {{ num_output: 2 }} }}"""
SEQUENCE = """layer { name: "i" type: "Input" top: "x" top: "c"
              input_param { shape { dim: 2 dim: 3 dim: 4 } shape { dim: 2 dim: 3 } } }"""
BELOW = """layer { name: "f" type: "InnerProduct" bottom: "x" top: "f"
           inner_product_param { num_output: 4 axis: 2 } }"""
STILL = "param { lr_mult: 0 }"


@pytest.mark.parametrize(
    "text, computed",
    [
        (SEQUENCE + LSTM.format("x", STILL), [True, True, True]),
        (SEQUENCE + LSTM.format("x", STILL * 3), [False, False, False]),
        (SEQUENCE + BELOW + LSTM.format("f", STILL * 3), [True, True, True]),
        (SEQUENCE + BELOW.replace("bottom", f"{STILL} bottom"), [False, True]),
        ("force_backward: true " + SEQUENCE + LSTM.format("x", STILL * 3), [True, True, True]),
    ],
)
def test_caffe_computes_the_gradients_of_some_frozen_blobs(text, computed):
    net = graph(text, "TRAIN")
    assert [net.computes_gradient(param) for param in net.nodes[-1].params] == computed


def test_a_batch_that_is_too_large_for_a_blob_is_told_with_one_that_fits():
    """Forks train with batches of all GPUs together; as in Caffe no blob can be so large."""
    text = (
        'layer { name: "d" type: "Data" top: "data" top: "label" '
        "transform_param { crop_size: 227 }\n"
        'data_param { source: "db" batch_size: 8192 } }\n'
        'layer { name: "c" type: "Convolution" bottom: "data" top: "c" '
        "convolution_param { num_output: 96 kernel_size: 11 stride: 4 } }"
    )
    with pytest.raises(NetError, match="8192x96x55x55, more than 2147483647 elements") as caught:
        graph(text, "TRAIN")
    assert caught.value.span.line == 3
    most = (2**31 - 1) // (96 * 55 * 55)
    assert f"at most {most} items fit: give --shape data={most}x3x227x227" in caught.value.hint
    assert graph(text, "TRAIN", shapes={"data": (most, 3, 227, 227)}).blobs["label"].shape == (
        most,
    )
    with pytest.raises(NetError):
        graph(text, "TRAIN", shapes={"data": (most + 1, 3, 227, 227)})
    one = 'input: "x" input_dim: [1, 1, 70000, 70000]'
    with pytest.raises(NetError) as caught:
        graph(one)
    assert "items fit" not in str(caught.value)


STAGED = """layer { name: "d" type: "Data" top: "x" top: "label" include { phase: TRAIN }
  data_param { source: "here" batch_size: 2 } }
layer { name: "f" type: "Flatten" bottom: "x" top: "y" include { phase: TRAIN } }
layer { name: "l" type: "SoftmaxWithLoss" bottom: "%s" bottom: "label" top: "loss" }
"""


def test_what_is_left_out_with_its_data_is_no_typo():
    """A layer without a rule behind one that a phase without data has not either."""
    assert check(STAGED % "y") == []
    assert list(lacking(read(STAGED % "y"))) == ["TEST"]
    assert "the bottom 'yy' is not" in check(STAGED % "yy")[0].message
