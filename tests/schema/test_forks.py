"""Every field that a fork adds to Caffe's messages is done, refused, or said to be ignored."""

from __future__ import annotations

import warnings

import pytest
from one_process import run

import protonet
from protonet.diagnostics import IgnoredFields
from protonet.layers import REGISTRY, Layer
from protonet.schema.forks import IGNORED
from protonet.schema.pool import message, message_class

# What layers of Caffe's own do with the forks' fields, and the test that holds it.
SHAPES = ("kernel_shape", "stride_shape", "pad_shape")  # of the Nd layers, which need them
DONE = {
    "BatchNormParameter": {"filler", "use_weight_bias", "bias_term", "stats_batch_size"},
    "ConvolutionParameter": {"dilation_h", "dilation_w", *SHAPES},
    "DropoutParameter": {"scale_train"},
    "LayerParameter": {"connectivity_mode"},
    "LossParameter": {"class_weighting"},
    "PoolingParameter": {"ceil_mode", *SHAPES},
    "NetParameter": {"bn_stats_batch_size"},
    "FillerParameter": {"scale", "diag_val"},
}
# Messages of data layers; what they do to an image is the reader's business, not the net's.
DATA = {"DataParameter", "ImageDataParameter", "TransformationParameter", "WindowDataParameter"}
NET = """
engine: "MKLDNN" default_forward_type: FLOAT16
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 2 kernel_size: 3 engine: CUDNN }
        quantization_param { bw_params: 8 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { engine: CAFFE }
        quantization_param { bw_params: 8 } }
"""
NAMED = (
    "convolution_param.engine: CUDNN, default_forward_type, engine, quantization_param (2 times)"
)


def refused_fields():
    """What layer types refuse, by their messages; of a message that several share, all of it."""
    fields = message("LayerParameter").DESCRIPTOR.fields_by_name
    found = {"LossParameter": set(Layer.refuses_in_loss)}
    for cls in REGISTRY.values():
        if cls.param and not cls.type.endswith("olution3D"):  # may take Convolution's message
            found.setdefault(fields[cls.param].message_type.name, set()).update(cls.refuses)
    return found


def ignored_fields():
    """What layer types ignore, by their messages."""
    fields = message("LayerParameter").DESCRIPTOR.fields_by_name
    found = {}
    for cls in REGISTRY.values():
        if cls.param and cls.ignores and cls.type != "Convolution3D":
            found.setdefault(fields[cls.param].message_type.name, set()).update(cls.ignores)
    return found


IGNORED_BY_ALL = {**IGNORED, **ignored_fields()}


def own_messages():
    """The messages of BVLC's LayerParameter, with LayerParameter and NetParameter themselves."""
    layer = message("LayerParameter").DESCRIPTOR
    named = {f.message_type.name for f in layer.fields if f.message_type and f.number < 149}
    return sorted({*named, "LayerParameter", "NetParameter"} - DATA)


@pytest.mark.parametrize("name", own_messages())
def test_every_field_of_a_fork_is_placed(name):
    places = [IGNORED_BY_ALL.get(name, ()), refused_fields().get(name, ()), DONE.get(name, ())]
    for field in message_class(name).DESCRIPTOR.fields:
        if field.number < 10000 or field.name == "engine":
            continue
        if name == "LayerParameter" and field.name.endswith("_param"):
            continue
        assert sum(field.name in place for place in places) == 1, field.name


@pytest.mark.parametrize("table", [IGNORED_BY_ALL, refused_fields()])
def test_the_tables_name_fields_that_there_are(table):
    for name, fields in table.items():
        known = message_class(name).DESCRIPTOR.fields_by_name
        assert all(field.partition(":")[0] in known for field in fields), name


def test_types_of_one_message_refuse_the_same():
    fields = message("LayerParameter").DESCRIPTOR.fields_by_name
    tables = {}
    for cls in REGISTRY.values():
        if cls.param:
            tables.setdefault(fields[cls.param].message_type.name, []).append(cls.refuses)
    for name, found in tables.items():
        assert all(table == found[0] for table in found), name


def test_types_of_one_message_ignore_the_same():
    """A layer's own type says what of its message is ignored; no other type of it says more."""
    ignored = ignored_fields()
    fields = message("LayerParameter").DESCRIPTOR.fields_by_name
    for cls in REGISTRY.values():
        if cls.param:
            name = fields[cls.param].message_type.name
            assert ignored.get(name, set()) <= set(cls.ignores), cls


def test_ignored_fields_are_named_in_a_warning():
    with pytest.warns(IgnoredFields, match="ignored, since they change nothing") as caught:
        protonet.emit(NET)
    assert str(caught[0].message).endswith(NAMED)


def test_a_plain_net_warns_of_nothing():
    text = 'input: "x" input_shape { dim: 1 dim: 3 } layer { name: "r" type: "ReLU" bottom: "x" '
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        protonet.emit(text + 'top: "y" relu_param { engine: CAFFE } }')


@pytest.mark.parametrize("command", ["compile", "check", "show"])
def test_a_command_warns_once(command, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    done = run(command, "net.prototxt", cwd=tmp_path)
    line = "warning: net.prototxt: ignored, since they change nothing that is computed: "
    assert done.returncode == 0
    assert done.stderr.count(line + NAMED) == 1
    assert "warning" not in done.stdout


@pytest.mark.parametrize(
    "fields",
    [
        "convolution_param { num_output: 2 kernel_size: 3 engine: CAFFE relu: true }",
        "convolution_param { num_output: 2 kernel_size: 3 fuse_type: FUSED_CONV_MAX_POOLING_RELU }",
        "convolution_param { num_output: 2 kernel_size: 3 paramq: 1 }",
        "convolution_param { num_output: 2 kernel_size: 3 kernel_depth: 3 }",
    ],
)
def test_what_changes_the_numbers_is_refused_with_its_place(fields):
    text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
    text += f'layer {{ name: "c" type: "Convolution" bottom: "x" top: "y"\n  {fields}\n}}'
    (problem,) = protonet.check(text)
    assert "not supported" in problem.message or "Convolution3D" in problem.message
    assert problem.span.line == 3
    assert fields[problem.span.column - 3 :].startswith(("relu", "fuse_type", "kernel", "paramq"))


def test_a_fork_s_default_is_no_problem():
    text = 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }\n'
    text += 'layer { name: "c" type: "Convolution" bottom: "x" top: "y" convolution_param '
    text += "{ num_output: 2 kernel_size: 3 relu: false fuse_type: UNFUSED } }"
    assert protonet.check(text) == []
