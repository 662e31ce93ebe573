"""Old definitions become what Caffe's own upgrade tool makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

import protonet
from protonet.api import graph, read
from protonet.schema.pool import message

FOLDER = Path(__file__).parents[1] / "golden" / "upgrade"
CASES = sorted(
    p.name.removesuffix(".upgraded.prototxt") for p in FOLDER.glob("*.upgraded.prototxt")
)


@pytest.mark.parametrize("case", CASES)
def test_equals_caffes_upgrade(case):
    wanted = message("NetParameter")
    text_format.Parse((FOLDER / f"{case}.upgraded.prototxt").read_text(), wanted)
    assert str(read(FOLDER / f"{case}.prototxt").message) == str(wanted)


def test_there_are_cases():
    assert len(CASES) == 4


def test_an_error_names_the_line_of_the_old_file():
    text = 'input: "x" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4\n'
    text += 'layers { name: "r" type: RELU bottom: "x" top: "r" }\n'
    text += 'layers { name: "c" type: CONVOLUTION bottom: "r" top: "c"\n'
    text += "  convolution_param {\n    num_output: 2\n    kernel_size: 9\n  }\n}\n"
    (problem,) = protonet.check(text)
    assert (problem.span.line, problem.span.column) == (6, 5)
    assert "layer 'c' (Convolution)" in problem.message


def test_v0_padding_joins_the_convolution():
    text = 'input: "x" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n'
    text += 'layers { layer { name: "p" type: "padding" pad: 2 } bottom: "x" top: "p" }\n'
    text += 'layers { layer { name: "c" type: "conv" num_output: 2 kernelsize: 5 } '
    text += 'bottom: "p" top: "c" }\n'
    assert graph(text).blobs["c"].shape == (1, 2, 8, 8)


DEEPLAB = """input: "x" input_dim: 1 input_dim: 3 input_dim: 20 input_dim: 20
input: "label" input_dim: 1 input_dim: 1 input_dim: 9 input_dim: 9
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" strict_dim: false
  convolution_param { num_output: 2 kernel_size: 3 %s } }
layers { name: "p" type: PADDING bottom: "c" top: "p" padding_param { pad_beg: -2 pad_end: -1 } }
layers { name: "s" type: SOFTMAX_LOSS bottom: "p" bottom: "label" top: "loss"
  softmaxloss_param { %s } }
"""


def test_deeplabs_first_release_says_hole_for_dilation():
    net = graph(DEEPLAB % ("hole: 4", "ignore_label: 9"), "TEST")
    assert net.blobs["p"].shape == (1, 2, 9, 9)
    loss = net.nodes[-1].layer.message
    assert loss.loss_param.ignore_label == 9
    apart = read(DEEPLAB % ("hole_h: 2 hole_w: 3", "")).message.layer[1].convolution_param
    assert (list(apart.dilation), apart.HasField("hole_h")) == ([2, 3], False)


@pytest.mark.parametrize(
    ("hole", "loss", "line", "words"),
    [
        ("hole: 40", "", 4, "a window of 81"),
        ("", "ignore_label: 1 ignore_label: 2", 6, "ignores several labels"),
        ("", 'weight_source: "w.txt"', 6, "weights of classes"),
    ],
)
def test_what_deeplabs_first_release_says_wrong(hole, loss, line, words):
    problems = protonet.check(DEEPLAB % (hole, loss))
    found = [p for p in problems if words in p.message]
    assert [p.span.line for p in found] == [line], problems


HOLES = """input: "x" input_dim: 1 input_dim: 3 input_dim: 20 input_dim: 20
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
  convolution_param { num_output: 2 kernel_size: 3 %s } }
"""


def test_hole_in_a_layer_of_todays_form():
    assert graph(HOLES % "hole: 4").blobs["c"].shape == (1, 2, 12, 12)
    assert graph(HOLES % "hole_h: 2 hole_w: 3").blobs["c"].shape == (1, 2, 16, 14)
    problems = protonet.check(HOLES % "hole: 40")
    assert ["a window of 81" in p.message and p.span.line == 3 for p in problems] == [True]
    both = protonet.check(HOLES % "hole: 4 dilation: 4")
    assert "write it as dilation alone" in both[0].message
