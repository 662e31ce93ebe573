"""Every layer's examples are its tests: shapes, the line it becomes, and a run."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

import protonet
from protonet.api import graph
from protonet.layers import REGISTRY
from protonet.layers.base import register
from protonet.program import defaults
from protonet.schema.pool import message

EXAMPLES = [
    pytest.param(example, id=f"{name}-{number}")
    for name, cls in sorted(REGISTRY.items())
    if name == cls.type and not cls.runs_code
    for number, example in enumerate(cls.examples)
]

# Layer types of BVLC Caffe 1.0, from its registry.
BVLC = """
    AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss Convolution
    Crop Data Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten
    HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss InnerProduct Input LRN LSTM LSTMUnit
    Log MVN MemoryData MultinomialLogisticLoss PReLU Parameter Pooling Power Python RNN ReLU
    Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice Softmax
    SoftmaxWithLoss Split Swish TanH Threshold Tile WindowData
""".split()  # noqa: SIM905 (a list of strings would fill the page)


def whole_net(example):
    inputs = "".join(
        f'layer {{ name: "in_{blob}" type: "Input" top: "{blob}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in shape)} }} }} }}\n"
        for blob, shape in example.inputs.items()
    )
    return inputs + example.prototxt


def given(example):
    """The shapes that only a file of data would tell."""
    told = ("HDF5Data", "CustomData", "CPMData", "WindowMulticlassKeypointData", "HDF5GeneralData")
    told += ("DataHeatmap",)
    return example.outputs if any(name in example.prototxt for name in told) else None


def test_every_type_of_bvlc_is_here():
    assert not set(BVLC) - set(REGISTRY)


@pytest.mark.parametrize("cls", [REGISTRY[name] for name in sorted(REGISTRY)])
def test_a_layer_explains_itself(cls):
    assert cls.examples
    assert "Source: " in cls.__doc__


def test_every_parameter_of_bvlc_has_its_layer():
    fields = message("LayerParameter").DESCRIPTOR.fields
    bvlc = {f.name for f in fields if f.message_type and 100 < f.number < 149}
    shared = {"transform_param", "loss_param"}
    assert bvlc - shared <= {cls.param for cls in REGISTRY.values()}


def test_registering_twice_raises():
    with pytest.raises(ValueError, match="registered twice"):
        register("ReLU")(type("Another", (REGISTRY["TanH"],), {}))


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_infers_and_emits_without_torch(example, monkeypatch):
    monkeypatch.setattr(defaults, "_torch", None)  # the table knows all that a layer calls
    defaults._parameters.cache_clear()
    defaults.defaults_of.cache_clear()
    net = graph(whole_net(example), shapes=given(example))
    inferred = {blob: value.shape for blob, value in net.blobs.items()}
    assert {blob: inferred[blob] for blob in example.outputs} == example.outputs
    text = protonet.emit(whole_net(example), faithful=True, shapes=given(example))
    assert example.emits in [line.strip() for line in text.splitlines()]


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.AsInCaffe")  # notes of layers
@pytest.mark.parametrize("phase", ["TEST", "TRAIN"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_module_returns_the_inferred_shapes(example, phase):
    net = graph(whole_net(example), phase=phase, shapes=given(example))
    module = protonet.compile(
        whole_net(example), phase=phase, outputs=list(net.blobs), shapes=given(example)
    )
    inputs = [torch.ones(value.shape) for value in net.inputs]
    returned = module(*inputs)
    for blob, value in net.blobs.items():
        given_shape, inferred = list(returned[blob].shape), list(value.shape)
        if value.producer.layer.grows is not None:
            # As long as the data make it.
            given_shape[value.producer.layer.grows] = inferred[value.producer.layer.grows]
        assert given_shape == inferred, blob


@pytest.mark.filterwarnings("ignore::protonet.diagnostics.AsInCaffe")  # notes of layers
def test_emitted_examples_are_formatted_and_stand_alone(tmp_path):
    for number, parameter in enumerate(EXAMPLES):
        example = parameter.values[0]
        for phase in ("TEST", "TRAIN"):
            text = protonet.emit(whole_net(example), phase=phase, shapes=given(example))
            (tmp_path / f"net_{number}_{phase.lower()}.py").write_text(text)
    for words in (["format", "--check"], ["check", "--select=F"]):
        command = [sys.executable, "-m", "ruff", *words, "--isolated", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
