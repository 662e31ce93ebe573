"""Parameters that decay in a way of their own, of the fork that learns structured sparsity."""

from __future__ import annotations

import numpy as np
import pytest

import protonet
from protonet import NetError

NET = """layer {{ name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {{
  shape {{ dim: 2 dim: 3 }} shape {{ dim: 2 dim: 2 }} data_filler {{ type: "constant" }} }} }}
layer {{ name: "ip" type: "InnerProduct" bottom: "x" top: "y" {more}
  param {{ {weight} }} param {{ lr_mult: 0 }}
  inner_product_param {{ num_output: 2 weight_filler {{ type: "constant" value: 0.5 }} }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }}
"""
SOLVER = """base_lr: 0.1 lr_policy: "fixed" weight_decay: 0.2 regularization_type: "{kind}"
max_iter: 3 snapshot_prefix: "d" net: "net.prototxt" """


@pytest.mark.parametrize("kind", ["L1", "L2"])
@pytest.mark.parametrize("own", ["L1", "L2", ""])
def test_a_parameter_has_its_own_kind_of_decay(tmp_path, monkeypatch, kind, own):
    monkeypatch.chdir(tmp_path)
    weight = f"regularization_type: '{own}' breadth_decay_mult: 2" if own else "lr_mult: 1"
    (tmp_path / "net.prototxt").write_text(NET.format(weight=weight, more=""))
    (tmp_path / "solver.prototxt").write_text(SOLVER.format(kind=kind))
    protonet.train("solver.prototxt", log="none")
    wanted = 0.5
    for _ in range(3):  # the inputs are zeros, so that only the decay moves the weights
        wanted -= 0.1 * 0.2 * (wanted if (own or kind) == "L2" else np.sign(wanted))
    net = protonet.compile("net.prototxt", phase="TRAIN", weights="d_iter_3.caffemodel")
    found = protonet.dump_blobs(net)["ip"][0]
    np.testing.assert_allclose(np.asarray(found), np.full((2, 3), wanted), rtol=1e-6)


@pytest.mark.parametrize(
    ("weight", "more", "told"),
    [
        ("regularization_type: 'L3'", "", "regularization_type is L1 or L2, not 'L3'"),
        ("lr_mult: 1", "connectivity_mode: DISCONNECTED_GRPWISE", "zeros that stay zero"),
    ],
)
def test_what_is_refused(weight, more, told):
    with pytest.raises(NetError, match=told) as caught:
        protonet.compile(NET.format(weight=weight, more=more))
    assert caught.value.span is not None


def test_connected_layers_are_as_any():
    text = NET.format(weight="kernel_shape_decay_mult: 1", more="connectivity_mode: CONNECTED")
    assert protonet.check(text) == []
