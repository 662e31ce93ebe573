"""What stands just this side of a check of Caffe's: it builds there, here it builds and runs."""

from __future__ import annotations

import warnings

import pytest
import torch
from test_table import Row

import protonet
from protonet import check
from protonet.api import graph
from protonet.diagnostics import NetWarning

L = 'layer { name: "l" type: '
FC = (
    'layer { name: "%s" type: "InnerProduct" bottom: "%s" top: "%s" inner_product_param { %s } %s }'
)
RELU = 'layer { name: "r" type: "ReLU" bottom: "x" top: "x" }'

ACCEPTED = {
    "a reader after the layer in place": (
        "x=2x3",
        RELU + '\\nlayer { name: "t" type: "TanH" bottom: "x" top: "y" }',
    ),
    "a loss that nobody weighs, then a layer in place": (
        "x=2x3 t=2x3",
        L + '"EuclideanLoss" bottom: "x" bottom: "t" top: "y" }\\n'
        'layer { name: "r" type: "ReLU" bottom: "y" top: "y" }',
    ),
    "a weight of 0, then a layer in place": (
        "x=2x3",
        L + '"TanH" bottom: "x" top: "y" loss_weight: 0 }\\n'
        'layer { name: "r" type: "ReLU" bottom: "y" top: "y" }',
    ),
    "one weight for two tops, of which one is read: its weight goes to the split": (
        "x=2x4",
        L + '"Slice" bottom: "x" top: "a" top: "b" loss_weight: 1 }\\n'
        'layer { name: "t" type: "TanH" bottom: "a" top: "y" }',
    ),
    "Concat and Slice of one blob in place": (
        "x=2x4",
        L + '"Concat" bottom: "x" top: "x" }\\n'
        'layer { name: "s" type: "Slice" bottom: "x" top: "x" }',
    ),
    "a filler that fills nothing": (
        "x=2x3",
        FC % ("l", "x", "y", 'num_output: 2 bias_term: false bias_filler { type: "none" }', ""),
    ),
    "a filler beside a second bottom": (
        "x=2x3 s=3",
        L + '"Scale" bottom: "x" bottom: "s" top: "y" scale_param { filler { sparse: 9 } } }',
    ),
    "a multiplier that one of two sharers states": (
        "x=2x3",
        FC % ("l", "x", "y", "num_output: 2", 'param { name: "w" }')
        + "\\n"
        + FC % ("m", "x", "z", "num_output: 2", 'param { name: "w" lr_mult: 3 }'),
    ),
    "one multiplier for two sharers": (
        "x=2x3",
        FC % ("l", "x", "y", "num_output: 2", 'param { name: "w" decay_mult: 3 }')
        + "\\n"
        + FC % ("m", "x", "z", "num_output: 2", 'param { name: "w" decay_mult: 3 }'),
    ),
    "a uniform filler without a spread": (
        "x=2x3",
        FC % ("l", "x", "y", 'num_output: 2 weight_filler { type: "uniform" min: 1 max: 1 }', ""),
    ),
    "as many non-zero weights as outputs": (
        "x=2x3",
        FC % ("l", "x", "y", 'num_output: 2 weight_filler { type: "gaussian" sparse: 2 }', ""),
    ),
    "32 axes": (
        "x=" + "x".join(["1"] * 32),
        L + '"ReLU" bottom: "x" top: "y" }',
    ),
    "features of one axis": (
        "x=4 z=4 s=4",
        L + '"ContrastiveLoss" bottom: "x" bottom: "z" bottom: "s" top: "y" }',
    ),
    "features of other axes": (
        "x=4x3 z=4x3x1x1 s=4x1x1",
        L + '"ContrastiveLoss" bottom: "x" bottom: "z" bottom: "s" top: "y" }',
    ),
    "a matrix of weights in a row": (
        "x=4x3 t=4 h=9",
        L + '"InfogainLoss" bottom: "x" bottom: "t" bottom: "h" top: "y" }',
    ),
    "the first of no classes": (
        "x=4x3 t=4",
        L + '"Accuracy" bottom: "x" bottom: "t" top: "y" accuracy_param { top_k: 0 } }',
    ),
    "base 1, and e": (
        "x=4x3",
        L + '"Exp" bottom: "x" top: "y" exp_param { base: 1 } }\\n'
        'layer { name: "m" type: "Log" bottom: "y" top: "z" log_param { base: -1 shift: 1 } }',
    ),
    "a scalar beside an axis": (
        "x=2x3 s=",
        L + '"Scale" bottom: "x" bottom: "s" top: "y" scale_param { axis: 9 } }',
    ),
}


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_what_caffe_accepts_is_accepted(name):
    net = Row("", "", *ACCEPTED[name], "", "").net()
    warnings.simplefilter("ignore", NetWarning)  # pytest puts the filters back
    assert check(net) == []
    for phase in ("TRAIN", "TEST"):
        made = protonet.compile(net, phase=phase)
        shapes = [value.shape for value in graph(net, phase).inputs]
        made(*(torch.zeros(shape) for shape in shapes))
