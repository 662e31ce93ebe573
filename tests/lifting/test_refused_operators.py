"""Windows, products and recurrences that can't be said: what is told, and that no file is left."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from protonet.diagnostics import NetError
from protonet.lifting.lift import to_caffe


class Given(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *given):
        return self.function(*given)


def masked(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, torch.zeros(2, 3, dtype=torch.bool))


CASES = {
    "weights": (
        Given(F.conv2d),
        [(1, 2, 4, 4), (3, 2, 3, 3)],
        "its weights are computed by the net",
    ),
    "products": (
        Given(torch.matmul),
        [(600, 300), (300, 400)],
        "the 72000000 products of 1x600x300 and 1x300x400 are more than 16777216",
    ),
    "steps": (nn.GRU(3, 4), [(40, 1, 3)], "its 40 steps, .* are more than 32"),
    "projection": (nn.LSTM(3, 4, proj_size=2), [(2, 1, 3)], "its output is projected"),
    "places": (
        nn.AdaptiveMaxPool2d(2, return_indices=True),
        [(1, 2, 4, 4)],
        "Caffe does not tell the places",
    ),
    "holes": (
        nn.MaxPool2d(2, dilation=2, return_indices=True),
        [(1, 2, 6, 6)],
        "in windows without gaps",
    ),
    "unpooled": (
        Given(
            lambda x: F.max_unpool2d(*F.max_pool2d(x, 3, 2, return_indices=True), [3, 3], [2, 2])
        ),
        [(1, 2, 7, 7)],
        "overlap",
    ),
    "mask": (Given(masked), [(1, 2, 4), (1, 3, 4), (1, 3, 4)], "leaves a query without a key"),
    "diagonal": (Given(lambda x: torch.einsum("bii->bi", x)), [(2, 3, 3)], "has a diagonal"),
    "alone": (
        Given(lambda x, y: torch.einsum("ij,k->ik", x, y)),
        [(2, 3), (4,)],
        "sums over j of one tensor",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_can_not_be_said(name, tmp_path):
    module, shapes, said = CASES[name]
    with pytest.raises(NetError, match=said) as caught:
        to_caffe(module, [torch.randn(shape) for shape in shapes], tmp_path / "net")
    assert "can't be written for Caffe 1.0" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_one_axis_is_a_plane_where_the_dialect_has_no_other(tmp_path):
    layers = nn.Conv1d(2, 3, 3, padding="same"), nn.ConvTranspose1d(3, 2, 3, 2, 1, 1)
    for layer, kind in zip(layers, ("Convolution", "Deconvolution"), strict=True):
        x = torch.randn(1, layer.in_channels, 6)
        report = to_caffe(layer, x, tmp_path / "net", dialect="nnie")
        assert [kind for _, kind in report.layers] == ["Reshape", kind, "Reshape"]
        assert "engine" not in (tmp_path / "net.prototxt").read_text()


def test_the_last_row_is_left_out_in_the_way_of_each_dialect(tmp_path):
    found = {}
    for dialect in ("bvlc", "master", "nnie", "tensorrt"):
        report = to_caffe(nn.MaxPool2d(2), torch.randn(1, 2, 5, 6), tmp_path / "net", dialect)
        found[dialect] = [kind for _, kind in report.layers]
    assert found == {
        "bvlc": ["Pooling", "Parameter", "Crop"],
        "master": ["Pooling"],
        "nnie": ["Pooling", "Slice"],
        "tensorrt": ["Pooling", "Convolution"],
    }
