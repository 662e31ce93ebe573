"""param_str as its authors wrote it: YAML, JSON, Python's dicts; nothing else, nothing large."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import protonet
from protonet.layers.base import LayerError
from protonet.layers.param_str import options
from protonet.schema.param_str import NUMBER, SCALAR, SIZES, WHOLE

KINDS = {"feat_stride": WHOLE, "scales": SIZES, "allowed_border": NUMBER, "phase": SCALAR}


def read(text):
    return options(SimpleNamespace(param_str=text), **KINDS)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("'feat_stride': 16", {"feat_stride": 16}),
        ("feat_stride: 16", {"feat_stride": 16}),
        ("{'feat_stride': 16, 'scales': [8, 16]}", {"feat_stride": 16, "scales": [8, 16]}),
        ('{"feat_stride": 16, "scales": [8, 16.5]}', {"feat_stride": 16, "scales": [8, 16.5]}),
        ("{feat_stride: 16, scales: [8, 16]}", {"feat_stride": 16, "scales": [8, 16]}),
        ("feat_stride: 16\nscales: [8]\n", {"feat_stride": 16, "scales": [8]}),
        ("feat_stride: 16\nscales:\n  - 8\n  - 16\n", {"feat_stride": 16, "scales": [8, 16]}),
        ("'feat_stride': 16, 'scales': [8]", {"feat_stride": 16, "scales": [8]}),
        ("{'scales': !!python/tuple [4, 8, 16, 32]}", {"scales": (4, 8, 16, 32)}),
        ("scales: !!python/tuple [4, 8]\nfeat_stride: 8", {"scales": (4, 8), "feat_stride": 8}),
        ("scales: !!python/tuple\n- 4\n- 8", {"scales": (4, 8)}),
        ("{'scales': (4, 8)}", {"scales": (4, 8)}),
        ("'scales': (4, 8), 'feat_stride': 2", {"scales": (4, 8), "feat_stride": 2}),
        ("# a comment\nallowed_border: -0.5", {"allowed_border": -0.5}),
        ("", {}),
        ("phase: TRAIN", {"phase": "TRAIN"}),
        ("feat_stride: 0x10", {"feat_stride": 16}),
    ],
)
def test_what_authors_wrote(text, wanted):
    assert read(text) == wanted


@pytest.mark.parametrize(
    "text, words",
    [
        ("what", "holds no names with values"),
        ("[8, 16], [1]", "holds no names with values"),
        ("{[8]: 16}", "holds no names with values"),
        ("feat_stride: [1", "holds no names with values"),
        ("feat_stride: !!python/object/apply:os.getcwd []", "holds no names with values"),
        ("feat_stride: !!int ''", "holds no names with values"),
        ("feat_stride: &a 16\nscales: [*a]", "holds no names with values"),
        ("feat_stride: 2001-99-99", "holds no names with values"),
        ("feat_stride: " + "[" * 5000, "holds no names with values"),
        ("feat_stride: " + "[" * 50 + "]" * 50, "holds no names with values"),
        ("scales: [" + "1," * 3000 + "]", "holds no names with values"),
        ("feat_stride: 1 #" + "x" * 20_000, "holds no names with values"),
        ("feat_strid: 16", "it has no option 'feat_strid', it takes feat_stride and scales"),
        ("feat_stride: x", "'feat_stride' takes a whole number of at least 1, not 'x'"),
        ("'feat_stride': None", "'feat_stride' takes a whole number of at least 1, not 'None'"),
        ("feat_stride:", "'feat_stride' takes a whole number of at least 1, not None"),
        ("feat_stride: 16,\nscales: [8]", "at least 1, not '16,'"),  # as YAML reads it
        ("feat_stride: 0", "'feat_stride' takes a whole number of at least 1, not 0"),
        ("feat_stride: true", "'feat_stride' takes a whole number of at least 1, not True"),
        ("feat_stride: 99999999999", "not 99999999999"),
        ("scales: 8", "'scales' takes a list of positive numbers, not 8"),
        ("scales: []", "'scales' takes a list of positive numbers, not []"),
        ("scales: [8, x]", "'scales' takes a list of positive numbers"),
        ("scales: [.inf]", "'scales' takes a list of positive numbers"),
        ("allowed_border: .nan", "'allowed_border' takes a number, not nan"),
        ("phase: [1]", "'phase' takes one value, not [1]"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(LayerError) as caught:
        read(text)
    assert words in caught.value.message
    assert caught.value.field == ("param_str",)


NET = """input: "a" input_shape {{ dim: 1 dim: {n} dim: 4 dim: 4 }}
input: "b" input_shape {{ dim: 1 dim: {m} dim: 4 dim: 4 }} input: "i" input_shape {{ dim: [1, 3] }}
layer {{ name: "p" type: "Python" bottom: "a" bottom: "b" bottom: "i" top: "r"
  python_param {{ module: "rpn.proposal_layer" layer: "ProposalLayer" param_str: "{text}" }} }}
"""


def test_scales_of_a_tuple_make_their_anchors():
    text = "feat_stride: 16\\nscales: !!python/tuple [4, 8, 16, 32]"
    assert protonet.check(NET.format(n=24, m=48, text=text)) == []


@pytest.mark.parametrize("text", ["[8, 16], [1]", "'feat_stride': None", "'feat_stride': 'x'"])
def test_errors_have_their_place(text):
    (problem,) = protonet.check(NET.format(n=18, m=36, text=text))
    assert problem.span
    assert problem.span.excerpt().splitlines()[0].find("param_str") > 0
    assert problem.span.line == 4
