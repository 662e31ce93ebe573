"""A warning of regions that another fork's ROIAlign may align otherwise."""

from __future__ import annotations

import warnings

import pytest

import protonet
from protonet.diagnostics import NetWarning

INPUTS = """input: "x" input_shape { dim: 1 dim: 2 dim: 6 dim: 6 }
input: "roi" input_shape { dim: 3 dim: 5 }
layer { name: "align" type: "ROIAlign" bottom: "x" bottom: "roi" top: "y" %s }
"""
CORNERS = INPUTS % "roi_pooling_param { pooled_h: 2 pooled_w: 2 }"
DENSE = """layer { name: "fc" type: "InnerProduct" bottom: "y" top: "z"
  inner_product_param { num_output: 2 } }"""
MEANS = """layer { name: "mean" type: "Pooling" bottom: "y" top: "z"
  pooling_param { pool: AVE kernel_size: 2 } }"""


def test_corners_that_nothing_takes_means_of():
    with pytest.warns(NetWarning, match=r"layer 'align' \(ROIAlign\): its top is one larger"):
        protonet.compile(CORNERS + DENSE)


@pytest.mark.parametrize(
    "text",
    [
        CORNERS,
        CORNERS + MEANS,
        INPUTS % "roi_align_param { pooled_h: 2 pooled_w: 2 sampling_ratio: 2 }",
    ],
)
def test_no_word_where_the_net_says_which(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        protonet.compile(text)
