"""Canonical text: comments kept, meaning kept, and nothing left to do the second time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from protonet import Source
from protonet.schema.bind import bind
from protonet.text.format import format_text
from protonet.text.parse import parse

ROOT = Path(__file__).parents[2]
# One of each hand: the zoo's other nets are written by the same generator.
NETS = ("lenet", "alexnet", "googlenet", "resnet50", "mobilenet_v2", "deeplabv3_os16")
FILES = sorted(p for net in NETS for p in (ROOT / "zoo_prototxt" / net).glob("*.prototxt"))
FILES += sorted((ROOT / "tests" / "golden" / "layers").glob("net_*.prototxt"))

UNTIDY = """# of the file
name:"x" # of the name
layer{name:'a' type:"ReLU"
   # before bottom
bottom : "b";top:["c",   "d"]  relu_param<negative_slope:1e-1>  # at the end of the block

# inside, last
}


# at the end"""

TIDY = """# of the file
name: "x"  # of the name
layer {
  name: 'a'
  type: "ReLU"
  # before bottom
  bottom: "b"
  top: ["c", "d"]
  relu_param {
    negative_slope: 1e-1
  }  # at the end of the block

  # inside, last
}

# at the end
"""


def formatted(text):
    return format_text(parse(Source("net", text)))


def meaning(text):
    return bind(parse(Source("net", text)), "NetParameter")[0]


def test_the_canonical_form():
    assert formatted(UNTIDY) == TIDY
    assert meaning(TIDY) == meaning(UNTIDY)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_real_nets(path):
    text = path.read_text()
    once = formatted(text)
    assert formatted(once) == once
    assert meaning(once) == meaning(text)
    assert re.findall(r"#.*", once) == [c.rstrip() for c in re.findall(r"#.*", text)]


@pytest.mark.parametrize(
    "text", ["", "# alone", "layer {}", "layer {\n # only\n}", "name: 'a' 'b'", "input_dim: []"]
)
def test_small_texts_are_stable(text):
    once = formatted(text)
    assert formatted(once) == once
    assert meaning(once) == meaning(text)


def test_a_list_of_values_and_blocks_is_written_one_by_one():
    text = format_text(parse(Source("a", "x { dim: [1, {}, 2] }")))
    assert text == "x {\n  dim: 1\n  dim {}\n  dim: 2\n}\n"
