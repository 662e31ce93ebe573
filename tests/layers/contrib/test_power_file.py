"""Numbers of a text: added by PowerFile, and as what a parameter starts from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, numbers

import protonet
from protonet import NetError
from protonet.checking import check_any

INPUT = """layer { name: "in" type: "Input" top: "x"
        input_param { shape { dim: 2 dim: 3 dim: 2 } } }
"""
SHIFT = """layer { name: "l" type: "PowerFile" bottom: "x" top: "y"
        power_file_param { shift_file: "shift.txt" } }
"""
FILLED = """layer { name: "l" type: "InnerProduct" bottom: "x" top: "y" inner_product_param {
    num_output: 2
    weight_filler { type: "constant" value: 0 }
    bias_filler { type: "file" file: "shift.txt" } } }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def net_of(folder, layer, text=None):
    (folder / "net.prototxt").write_text(INPUT + layer)
    if text is not None:
        (folder / "shift.txt").write_text(text)
    return folder / "net.prototxt"


@pytest.mark.parametrize("text", ["1 -2.5\n3e-1\t4 5 6 7\n", "1 2"])
def test_numbers_are_added_in_order(folder, text):
    net = protonet.compile(net_of(folder, SHIFT, text)).double()
    x, shift = numbers(0, (2, 3, 2)), np.zeros(6)
    given = [float(word) for word in text.split()][:6]
    shift[: len(given)] = given
    close(net(torch.from_numpy(x)).numpy(), x + shift.reshape(3, 2), rtol=1e-5)


def test_without_a_file_nothing_is_added(folder):
    net = protonet.compile(net_of(folder, SHIFT.replace('shift_file: "shift.txt"', "")))
    x = torch.randn(2, 3, 2)
    assert torch.equal(net(x), x)


def test_a_parameter_starts_from_the_numbers(folder):
    net = protonet.compile(net_of(folder, FILLED, "0.25 -8 3"))
    close(net.l.bias.detach().numpy(), [0.25, -8.0])


def test_weights_start_from_the_numbers_as_caffe_lays_them_out(folder):
    layer = FILLED.replace('weight_filler { type: "constant" value: 0 }', "transpose: true")
    layer = layer.replace("bias_filler", "weight_filler")
    net = protonet.compile(net_of(folder, layer, " ".join(map(str, range(12)))))
    (weight, _) = protonet.dump_blobs(net)["l"]
    close(weight, np.arange(12).reshape(6, 2))


@pytest.mark.parametrize("layer", [SHIFT, FILLED])
@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "shift.txt can't be read"), ("1 two 3", "shift.txt holds 'two'")],
)
def test_a_file_that_is_wrong(folder, layer, text, message):
    with pytest.raises(NetError, match=message) as caught:
        protonet.compile(net_of(folder, layer, text))
    assert caught.value.span.line == (4 if layer == SHIFT else 6)


def test_check_takes_a_net_whose_files_are_elsewhere(folder):
    assert not check_any(str(net_of(folder, FILLED)))


@pytest.mark.parametrize(
    ("layer", "text", "message"),
    [
        (FILLED, "1", "takes 2 numbers, the file 'shift.txt' has 1"),
        (FILLED.replace(' file: "shift.txt"', ""), "1 2", "names no file"),
        (SHIFT, " ", "shift.txt is empty"),
        (FILLED, "", "shift.txt is empty"),
    ],
)
def test_refusals(folder, layer, text, message):
    with pytest.raises(NetError, match=message):
        protonet.compile(net_of(folder, layer, text))
