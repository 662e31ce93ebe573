"""diff: what changed in the net, whatever the text looks like."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from protonet.cli.diff import command

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
LENET = (ZOO / "lenet" / "deploy.prototxt").read_text()

V1 = """
name: "n"
input: "data"
input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8
layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 1 blobs_lr: 2
         convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
"""
V2 = """
# The same net in today's form, its blobs called otherwise, a default stated.
name: "n"
input: "x"
input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
layer { type: "Convolution" name: "c" bottom: "x" top: "y"
        param { lr_mult: 1 } param { lr_mult: 2 }
        convolution_param { kernel_size: 3 num_output: 4 axis: 1 bias_term: true } }
layer { name: "r" type: "ReLU" bottom: "y" top: "z" }
"""


@pytest.fixture
def diff(tmp_path):
    """A function that compares two texts and gives the exit code and the changes."""

    def compare(before, after, *options):
        paths = [tmp_path / "a.prototxt", tmp_path / "b.prototxt"]
        for path, text in zip(paths, (before, after), strict=True):
            path.write_text(text)
        arguments = [*map(str, paths), "--format", "json", *options]
        done = CliRunner().invoke(command, arguments)
        told = json.loads(done.output)
        assert done.exit_code == (0 if told["same"] else 1)
        return [
            (c["kind"], c["layer"], c["what"], c["before"], c["after"], c["phase"])
            for c in told["changes"]
        ]

    return compare


def test_a_net_is_itself(diff):
    for name in ("lenet", "googlenet", "resnet50"):
        text = (ZOO / name / "deploy.prototxt").read_text()
        assert diff(text, text) == []


def test_old_and_new_forms_of_one_net_are_the_same(diff):
    assert diff(V1, V2) == []


CONV = "kernel_size: 5"
POOL = "pool: MAX kernel_size: 2 stride: 2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CONV, "kernel_h: 5 kernel_w: 5"),
        (CONV, "kernel_size: 5 kernel_size: 5 stride: 1 pad: 0 dilation: 1"),
        (CONV, "kernel_size: 5 stride_h: 1 stride_w: 1 pad_h: 0 pad_w: 0"),
        (POOL, "pool: MAX kernel_h: 2 kernel_w: 2 stride_h: 2 stride_w: 2 pad: 0"),
    ],
)
def test_a_window_may_be_stated_in_several_ways(diff, before, after):
    assert before in LENET
    assert diff(LENET, LENET.replace(before, after)) == []


def test_a_window_of_two_sides(diff):
    changes = diff(LENET, LENET.replace(CONV, "kernel_h: 5 kernel_w: 3", 1))
    window = ("changed", "conv1", "convolution_param.kernel_size", "5", "5, 3", None)
    assert [change for change in changes if "kernel" in change[2]] == [window]


def test_a_field_its_shape_and_the_parameters(diff):
    changes = diff(LENET, LENET.replace("num_output: 500", "num_output: 300"))
    assert ("changed", "ip1", "inner_product_param.num_output", "500", "300", None) in changes
    assert ("changed", "ip1", "output", "64x500", "64x300", None) in changes
    assert ("changed", "ip1", "parameters", "400,500", "240,300", None) in changes
    assert ("changed", "ip2", "parameters", "5,010", "3,010", None) in changes
    assert ("total", "", "parameters", "431,080", "268,880", None) in changes
    assert {change[1] for change in changes} == {"ip1", "relu1", "ip2", ""}


def test_a_renamed_layer_is_one_change(diff):
    changes = diff(LENET, LENET.replace("conv2", "second"))
    renamed = [("renamed", "conv2", "name", "conv2", "second", None)]
    assert changes == renamed
    conv = "num_output: 50 kernel_size: 5"
    assert conv in LENET
    stated = LENET.replace(conv, f"{conv} group: 1 bias_term: true stride: 1")
    assert diff(LENET, stated.replace("conv2", "second")) == renamed


def test_a_layer_that_came_or_went(diff):
    dropout = 'layer { name: "d" type: "Dropout" bottom: "ip1" top: "ip1" }\n'
    with_dropout = LENET.replace('layer {\n  name: "ip2"', f'{dropout}layer {{\n  name: "ip2"')
    assert with_dropout != LENET
    assert diff(LENET, with_dropout) == [
        ("changed", "ip2", "reads", "relu1", "d", None),
        ("added", "d", "type", "", "Dropout", None),
    ]
    assert ("removed", "d", "type", "Dropout", "", None) in diff(with_dropout, LENET)


def test_the_type_of_a_layer(diff):
    changes = diff(LENET, LENET.replace('"ReLU"', '"TanH"'))
    assert changes == [("changed", "relu1", "type", "ReLU", "TanH", None)]


def test_a_change_of_one_phase_is_told_with_it(diff):
    data = 'name: "n" input: "x" input_shape { dim: 1 dim: 4 }\n'
    noise = 'layer { name: "d" type: "Dropout" bottom: "x" top: "y" include { phase: TRAIN } }\n'
    keep = 'layer { name: "r" type: "ReLU" bottom: "x" top: "z" }\n'
    (change,) = diff(data + keep, data + noise + keep)
    assert change == ("added", "d", "type", "", "Dropout", "TRAIN")
    assert diff(data + keep, data + noise + keep, "--phase", "TEST") == []


def test_the_order_of_branches_is_none_of_the_nets_properties(diff):
    data = 'name: "n" input: "x" input_shape { dim: 1 dim: 4 }\n'
    a = 'layer { name: "a" type: "ReLU" bottom: "x" top: "a" }\n'
    b = 'layer { name: "b" type: "TanH" bottom: "x" top: "b" }\n'
    assert diff(data + a + b, data + b + a) == []


def test_exit_codes_and_words(tmp_path):
    a, b = tmp_path / "a.prototxt", tmp_path / "b.prototxt"
    a.write_text(LENET)
    b.write_text(LENET.replace("num_output: 20", "num_output: 24").replace("conv2", "<b>\u202e"))
    same = CliRunner().invoke(command, [str(a), str(a)])
    assert (same.exit_code, same.output) == (0, "the nets are the same\n")
    other = CliRunner().invoke(command, [str(a), str(b)])
    assert other.exit_code == 1
    assert "~ conv1: convolution_param.num_output 20 -> 24\n" in other.output
    assert "= conv2 is now called <b>\\u202e\n" in other.output
    assert "~ total: parameters 431,080 -> " in other.output
    rest = "  so 2 layers below have other shapes or parameters (--all lists them)\n"
    assert other.output.endswith(rest)
    assert "pool1" not in other.output
    whole = CliRunner().invoke(command, [str(a), str(b), "--all"]).output
    assert whole.count("pool1: output") == 1
    assert rest not in whole


def test_what_follows_is_known_from_what_changed(tmp_path):
    a, b = tmp_path / "a.prototxt", tmp_path / "b.prototxt"
    a.write_text(LENET)
    b.write_text(LENET.replace("num_output: 20", "num_output: 24"))
    told = json.loads(CliRunner().invoke(command, [str(a), str(b), "--format", "json"]).output)
    follows = {change["layer"] for change in told["changes"] if change["follows"]}
    assert follows == {"pool1", "conv2"}


def test_of_another_type_its_own_fields_are_none_of_the_changes(diff):
    fields = 'top: "x" top: "y" transform_param { %s } %s }\n'
    data = f'layer {{ name: "d" type: "Data" {fields}' % (
        "scale: 0.5",
        'data_param { source: "a" batch_size: 2 backend: LMDB }',
    )
    images = f'layer {{ name: "d" type: "ImageData" {fields}' % (
        'mean_file: "m"',
        'image_data_param { source: "b" batch_size: 2 }',
    )
    net = 'layer { name: "s" type: "Silence" bottom: "x" bottom: "y" }\n'
    shapes = ["--shape", "x=2x1x4x4", "--shape", "y=2"]
    assert [change[2:5] for change in diff(data + net, images + net, *shapes)] == [
        ("type", "Data", "ImageData"),
        ("transform_param.scale", "0.5", "1"),
        ("transform_param.mean_file", "", '"m"'),
    ]
