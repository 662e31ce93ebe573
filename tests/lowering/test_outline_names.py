"""Layers may be called what Python, torch and the emitted file call things."""

from __future__ import annotations

import pytest
from agreement import difference

import protonet

INPUT = 'layer { name: "in" type: "Input" top: "%s" input_param { shape { %s } } }\n'
IMAGE = "dim: 2 dim: 4 dim: 5 dim: 5"


def conv(name, bottom, out=4, size=1, more=""):
    """A convolution and a ReLU in place."""
    return (
        f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
        f"convolution_param {{ num_output: {out} kernel_size: {size} pad: {size // 2} "
        f'weight_filler {{ type: "xavier" }} }} {more} }}\n'
        f'layer {{ name: "{name}_relu" type: "ReLU" bottom: "{name}" top: "{name}" }}\n'
    )


def inception(number, words, bottom, outs):
    """Branches side by side, each called by a word."""
    names = [f"mixed{number}/{word}" for word in words]
    branches = [conv(name, bottom, out) for name, out in zip(names, outs, strict=True)]
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    join = f'layer {{ name: "mixed{number}/out" type: "Concat" {bottoms} top: "mixed{number}" }}\n'
    return "".join(branches) + join


# What a block's members, parameters and values would be called.
WORDS = (
    ("F", "nn", "torch"),
    ("self", "x", "y"),
    ("range", "super", "zip"),
    ("class", "None", "lambda"),
    ("forward", "training", "Inception"),
    ("float", "tuple", "list"),
)


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_members_of_blocks(words):
    sizes = [(4, 4, 4), (3, 5, 7), (2, 6, 8)]
    blocks, bottom = "", "data"
    for number, outs in enumerate(sizes):
        blocks += inception(number, words, bottom, outs)
        bottom = f"mixed{number}"
    source = INPUT % ("data", IMAGE) + blocks
    assert "class Inception(nn.Module):" in protonet.emit(source)
    assert not difference(source, "TRAIN")


@pytest.mark.parametrize(
    ("word", "data"),
    [
        ("class", "x"), ("None", "self"), ("Path", "head"), ("torch", "torch"), ("train", "range"),
        ("F", "BasicBlock"), ("res", "blocks"),
    ],
)  # fmt: skip
def test_prefixes_of_blocks(word, data):
    blocks, bottom = "", data
    for number in range(1, 5):
        name = f"{word}{number}"
        blocks += conv(f"{name}_a", bottom, 4, 3) + conv(f"{name}_b", f"{name}_a", 4, 3)
        blocks += (
            f'layer {{ name: "{name}_sum" type: "Eltwise" bottom: "{name}_b" bottom: "{bottom}" '
            f'top: "{name}" }}\n'
        )
        bottom = name
    source = INPUT % (data, IMAGE) + blocks
    assert "nn.Sequential(" in protonet.emit(source)
    assert not difference(source)
