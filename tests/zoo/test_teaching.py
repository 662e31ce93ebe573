"""The small teaching nets have exactly the numbers that their page tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import protonet
from protonet.api import graph
from protonet.graph.field import receptive_fields
from protonet.zoo.catalogue import teaching

FOLDER = Path(__file__).parents[2] / "zoo_prototxt" / "teaching"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
WEIGHTS = {
    "flatten": 1_728,
    "bottleneck": 278_528,
    "bottleneck_direct": 2_359_296,
    "separable": 656,
    "separable_direct": 4_608,
    "window_7x7": 200_704,
    "window_1x7_7x1": 57_344,
    "window_3x3": 36_864,
    "window_1x3_3x1": 24_576,
    "residual": 69_632,
    "inverted_residual": 8_208,
    "aspp": 3_801_088,
}


def net(name):
    return graph(FOLDER / f"{name}.prototxt")


def weights(name, layer=""):
    """Elements of the convolutions and inner products of a net, or of one layer."""
    nodes = [n for n in net(name).nodes if n.type in ("Convolution", "InnerProduct")]
    return sum(p.size for n in nodes for p in n.params if layer in ("", n.name))


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weights(name):
    assert weights(name) == WEIGHTS[name]
    if name != "flatten":
        assert f"{WEIGHTS[name]:,}" in PAGE


@pytest.mark.parametrize("name", [n.partition("/")[2] for n in teaching()])
def test_the_page_tells_of_it(name):
    assert f"`{name}`" in PAGE


def test_the_pictures_are_of_these_nets():
    shown = re.findall(r"!\[\w+\]\((\w+)\.svg\)", PAGE)
    assert len(shown) == 9
    for name in (n.partition("/")[2] for n in teaching()):
        picture = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        for node in net(name).nodes:
            assert node.type in ("BatchNorm", "Scale", "ReLU", "ReLU6") or node.name in picture


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
@pytest.mark.parametrize("name", [n.partition("/")[2] for n in teaching()])
def test_it_runs_and_learns(name, phase):
    made = protonet.compile(FOLDER / f"{name}.prototxt", phase=phase)
    made.train(phase == "TRAIN")
    before = graph(FOLDER / f"{name}.prototxt", phase)
    x = torch.rand(2, *before.inputs[0].shape[1:], requires_grad=True)
    found = made(x)
    y = found if torch.is_tensor(found) else next(iter(found.values()))
    assert y.shape == (2, *before.outputs[0].shape[1:])
    y.sum().backward()
    assert x.grad is not None


def test_flatten_lays_out_the_image():
    assert net("flatten").outputs[0].shape == (1, 65_536)
    assert weights("flatten_head", "scores") == 655_370
    assert weights("average_head", "scores") == 650


def test_long_windows_are_a_part_of_the_square_ones():
    assert f"{weights('window_1x7_7x1') / weights('window_7x7'):.1%}" == "28.6%"
    assert f"{weights('window_1x3_3x1') / weights('window_3x3'):.0%}" == "67%"
    for long, square in (("window_1x7_7x1", "window_7x7"), ("window_1x3_3x1", "window_3x3")):
        seen = [receptive_fields(g)[g.outputs[0]].size for g in (net(long), net(square))]
        assert seen[0] == seen[1]


def test_the_pyramid_sees_at_three_rates():
    found = net("aspp")
    fields = receptive_fields(found)
    for rate, size in ((6, 13), (12, 25), (18, 37)):
        (node,) = [n for n in found.nodes if n.name == f"aspp/rate{rate}"]
        assert fields[node.outputs[0]].size == (size, size)
        assert weights("aspp", f"aspp/rate{rate}") == 1_179_648
    assert fields[found.blobs["aspp/pool"]].size == (33, 33)
    assert found.outputs[0].shape == (1, 5 * 256, 33, 33)


def test_only_the_averaged_head_takes_any_size():
    average = protonet.compile(FOLDER / "average_head.prototxt")
    assert average(torch.rand(1, 3, 20, 50)).shape == (1, 10)
    with pytest.raises(RuntimeError):
        protonet.compile(FOLDER / "flatten_head.prototxt")(torch.rand(1, 3, 20, 50))
