"""What modules carry from pass to pass, besides their weights, goes into a snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import solved

import protonet
from protonet.diagnostics import NetError

TESTED = "test_iter: 3\ntest_interval: 4\n"


def files(iteration):
    ends = ("caffemodel", "solverstate", "position.json")
    return [Path(f"tiny_iter_{iteration}.{end}").read_bytes() for end in ends]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


DUMMY = """layer {{ name: "data" type: "DummyData" {tops} dummy_data_param {{
  {shapes} data_filler {{ type: "gaussian" std: 1 }}
  data_filler {{ type: "constant" value: 1 }} data_filler {{ type: "constant" value: 1 }} }} }}
"""
VECTORS = DUMMY.format(
    tops='top: "data" top: "label"', shapes="shape { dim: 4 dim: 6 } shape { dim: 4 }"
).replace('data_filler { type: "constant" value: 1 } ', "", 1)
SEQUENCES = DUMMY.format(
    tops='top: "data" top: "continues" top: "label"',
    shapes="shape { dim: 3 dim: 2 dim: 5 } shape { dim: 3 dim: 2 } shape { dim: 3 dim: 2 }",
)
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" %s }'
INNER = 'layer { name: "ip" type: "InnerProduct" bottom: "%s" top: "y" inner_product_param { %s } }'
GLOROT = 'weight_filler { type: "xavier" }'
RECURRENT = (
    SEQUENCES
    + 'layer { name: "l" type: "%s" bottom: "data" bottom: "continues" top: "h" '
    + f"recurrent_param {{ num_output: 4 {GLOROT} }} }}\n"
    + INNER % ("h", f"axis: 2 num_output: 3 {GLOROT}")
    + LOSS % "softmax_param { axis: 2 }"
)
CARRIED = {
    "the steps of NVIDIA's BatchNorm": VECTORS
    + 'layer { name: "l" type: "BatchNorm" bottom: "data" top: "h" batch_norm_param '
    + "{ scale_bias: true moving_average_fraction: 0.9 } }\n"
    + INNER % ("h", f"num_output: 3 {GLOROT}")
    + LOSS % "",
    "the states of an LSTM": RECURRENT % "LSTM",
    "the state of an RNN": RECURRENT % "RNN",
    "the passes of a margin": VECTORS
    + 'layer { name: "l" type: "MarginInnerProduct" bottom: "data" bottom: "label" top: "y" '
    + "margin_inner_product_param { num_output: 3 type: DOUBLE base: 1000 gamma: 10 power: 1 "
    + f"{GLOROT} }} }}\n"
    + LOSS % "",
}


def carrying(folder, net, more):
    (folder / "net.prototxt").write_text(net)
    (folder / "solver.prototxt").write_text(f"{solved.SOLVER}{more}")


@pytest.mark.parametrize("net", CARRIED.values(), ids=CARRIED)
def test_what_a_module_carries_from_pass_to_pass_is_resumed(folder, net):
    carrying(folder, net, f"max_iter: 5\nsnapshot: 3\n{TESTED}")
    whole = protonet.train("solver.prototxt", log="none")
    wanted = files(5)
    again = protonet.train("solver.prototxt", snapshot="tiny_iter_3.solverstate", log="none")
    assert files(5) == wanted
    assert again.tests == whole.tests
    # A file of before, which has none of it, is taken up, but the bits are others.
    file = Path("tiny_iter_3.position.json")
    position = json.loads(file.read_text())
    assert position["ranks"][0].pop("carried")
    del position["ranks"][0]["tests_carried"]
    file.write_text(json.dumps(position))
    protonet.train("solver.prototxt", snapshot="tiny_iter_3.solverstate", log="none")
    assert files(5)[0] != wanted[0]


WRONG_CARRIED = {
    "a number": lambda p: p.update(carried=7),
    "of another net": lambda p: p["carried"].update({"other.hidden": p["carried"]["l.hidden"]}),
    "of another shape": lambda p: p["carried"]["l.hidden"].update(shape=[4, 2]),
    "of another kind": lambda p: p["carried"]["l.hidden"].update(dtype="int64"),
    "of an unknown kind": lambda p: p["carried"]["l.hidden"].update(dtype="save"),
    "too few": lambda p: p["carried"]["l.hidden"]["values"].pop(),
    "text": lambda p: p["carried"]["l.hidden"]["values"].__setitem__(0, "1"),
    "nested": lambda p: p["carried"]["l.hidden"].update(values=[[0.0] * 4] * 2),
    "of the tests": lambda p: p.update(tests_carried=[{"l.cell": None}]),
}


@pytest.mark.parametrize("spoil", WRONG_CARRIED.values(), ids=WRONG_CARRIED)
def test_what_is_carried_wrong_is_one_error(folder, spoil):
    carrying(folder, RECURRENT % "LSTM", f"max_iter: 2\n{TESTED}")
    protonet.train("solver.prototxt", log="none")
    file = Path("tiny_iter_2.position.json")
    position = json.loads(file.read_text())
    spoil(position["ranks"][0])
    file.write_text(json.dumps(position))
    with pytest.raises(NetError, match=r"tiny_iter_2\.position\.json can't be taken up"):
        protonet.train("solver.prototxt", snapshot="tiny_iter_2.solverstate", log="none")
