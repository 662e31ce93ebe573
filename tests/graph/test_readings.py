"""Layers that forks read otherwise and say so nowhere: where the net else does not fit together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError
from protonet.checking import check
from protonet.diagnostics import NetWarning, UnlikeCaffe

EMBED = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 1 } } }
layer { name: "f" type: "Input" top: "f" input_param { shape { dim: 2 dim: 4 } } }
layer { name: "e" type: "Embed" bottom: "x" top: "e"
        embed_param { num_output: 3 input_dim: 5 bias_term: false } }
layer { name: "c" type: "Concat" bottom: "f" bottom: "e" top: "c" }
"""
ROI = """
layer { name: "d" type: "Python" top: "data" top: "rois" top: "labels" top: "targets" top: "inside"
        top: "outside" python_param { module: "roi_data_layer.layer" layer: "RoIDataLayer"
        param_str: "'num_classes': 21" } }
layer { name: "pool" type: "ROIPooling" bottom: "data" bottom: "rois" top: "pool"
        roi_pooling_param { pooled_w: 2 pooled_h: 2 spatial_scale: 0.0625 } }
layer { name: "p" type: "InnerProduct" bottom: "pool" top: "p"
        inner_product_param { num_output: OUTPUTS } }
layer { name: "l" type: "SmoothL1Loss" bottom: "p" bottom: "targets" bottom: "inside"
        bottom: "outside" top: "l" }
"""


def test_an_embedding_that_drops_an_axis():
    with pytest.warns(UnlikeCaffe, match=r"layer 'e' is taken for bottom-up-attention's"):
        net = protonet.compile(EMBED)
    rows = protonet.dump_blobs(net)["e"][0]
    numbers, features = np.array([[3], [0]]), np.arange(8.0).reshape(2, 4)
    found = net(torch.from_numpy(numbers).float(), torch.from_numpy(features).float())
    wanted = np.hstack([features, rows[numbers[:, 0]]])
    np.testing.assert_allclose(found.detach().numpy(), wanted)


def test_an_embedding_that_fits_keeps_the_axis():
    text = EMBED.replace('bottom: "f" ', "")
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetWarning)
        net = protonet.compile(text)
    assert tuple(net(torch.zeros(2, 1), torch.zeros(2, 4)).shape) == (2, 1, 3)


@pytest.mark.parametrize(("outputs", "told"), [(84, 0), (8, 1)])
def test_targets_of_any_class(outputs, told):
    text = ROI.replace("OUTPUTS", str(outputs))
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        source = protonet.emit(text, phase="TRAIN")
        assert check(text) == []
    assert sum("AGNOSTIC" in str(w.message) for w in found) == 3 * told
    assert f"torch.zeros(1, {outputs})" in source


def test_a_net_that_fits_in_no_reading_is_refused_as_it_stands():
    with pytest.raises(NetError, match="84"):
        protonet.compile(ROI.replace("OUTPUTS", "12"), phase="TRAIN")


def test_what_is_stated_stays():
    stated = ROI.replace("'num_classes': 21", "'num_classes': 21, 'agnostic': false")
    with pytest.raises(NetError, match="84"):
        protonet.compile(stated.replace("OUTPUTS", "8"), phase="TRAIN")
    stated = ROI.replace("'num_classes': 21", "'num_classes': 21, 'agnostic': true")
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetWarning)
        protonet.compile(stated.replace("OUTPUTS", "8"), phase="TRAIN")


def test_what_is_wrong_with_the_layer_itself_stays_wrong():
    axes = " ".join(["dim: 1"] * 32)
    text = f"""layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {axes} }} }} }}
    layer {{ name: "e" type: "Embed" bottom: "x" top: "e"
            embed_param {{ num_output: 3 input_dim: 5 }} }}"""
    with pytest.raises(NetError, match="33 axes"):
        protonet.compile(text)


INTERP = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 2 dim: 8 dim: 8 } } }
layer { name: "o" type: "Input" top: "o" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "up" type: "Interp" bottom: "x" top: "u" interp_param { zoom_factor: 2 STATED } }
layer { name: "c" type: "Concat" bottom: "u" bottom: "o" top: "c" }
"""


def test_sizes_that_one_fork_multiplies():
    with pytest.warns(UnlikeCaffe, match=r"layer 'up' is taken for Kinpzz's with crop_odd"):
        net = protonet.compile(INTERP.replace("STATED", ""))
    x, beside = torch.rand(1, 2, 8, 8), torch.rand(1, 3, 16, 16)
    wanted = torch.nn.functional.interpolate(x, (16, 16), mode="bilinear", align_corners=True)
    torch.testing.assert_close(net(x, beside), torch.cat([wanted, beside], 1))
    with pytest.raises(NetError, match="1x3x16x16"):
        protonet.compile(INTERP.replace("STATED", "crop_odd: false"))
    fits = INTERP.replace("dim: 16 dim: 16", "dim: 15 dim: 15").replace("STATED", "")
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetWarning)
        assert protonet.compile(fits)(x, beside[..., 1:, 1:]).shape[2:] == (15, 15)
