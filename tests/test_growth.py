"""Four times the text takes about four times the time, whatever the text is made of."""

from __future__ import annotations

import gc
import time

import pytest

import protonet
from protonet import NetError, Source
from protonet.api import graph
from protonet.cli.report import FORMATS
from protonet.drawing import draw
from protonet.graph.cost import costs
from protonet.graph.difference import differences
from protonet.schema.load import load_any
from protonet.text.format import format_text
from protonet.text.parse import parse

pytestmark = pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning")

# 4 where the time is in proportion, 16 where it is its square; what lies between is the machine.
MOST = 9
TRIES = 4

INPUT = 'input: "x" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }\n'
VECTORS = "".join(f'input: "{name}" input_shape {{ dim: 1 dim: 3 }}\n' for name in "xy")


def layers(n, line):
    return "".join(line.format(k=k, last=f"y{k - 1}" if k else "x") for k in range(n))


def tops(n):
    return " ".join(f'top: "t{k}"' for k in range(n))


def bottoms(n):
    return " ".join(f'bottom: "y{k}"' for k in range(n))


# Texts that are read or refused: by their name, the length at which they take a few milliseconds.
TEXTS = {
    "a word in a block without an end": (60_000, lambda n: f'name: "a"\nlayer {{{"a" * n}'),
    "a word": (60_000, lambda n: "a" * n),
    "two words": (60_000, lambda n: "a" * n + " b"),
    "blanks for a colon": (60_000, lambda n: f"name{' ' * n}x"),
    "blanks everywhere": (
        20_000,
        lambda n: f'layer{" " * n}{{{" " * n}name{" " * n}:{" " * n}"a"}}',
    ),
    "wide blanks": (60_000, lambda n: f"name{chr(0x3000) * n}x"),
    "empty lines": (60_000, lambda n: "\n" * n + 'name: "a"' + "\n" * n + "x"),
    "escaped backslashes": (60_000, lambda n: f'name: "{chr(92) * 2 * n}"'),
    "escaped quotes without an end": (60_000, lambda n: 'name: "' + '\\"' * n),
    "quotes behind a byte of no text": (60_000, lambda n: 'name: \x00 "' + '\\"' * n),
    "comments": (4_000, lambda n: "# a\n" * n + 'name: "a" # b\n' + "#\n" * n),
    "strings side by side": (4_000, lambda n: "name: " + '"a" ' * n),
    "blocks without an end": (4_000, lambda n: "layer {" * n),
    "blocks in blocks": (4_000, lambda n: "layer {" * n + "}" * n),
    "brackets of two kinds": (4_000, lambda n: "layer <" + "}" * n),
    "unknown fields in one line": (1_000, lambda n: "colour: 1 " * n),
    "unknown blocks": (500, lambda n: 'lajer { nam: "a" }\n' * n),
    "a long list": (1_000, lambda n: f"input_dim: [{', '.join(['1'] * n)}]"),
}

NETS = {
    "inputs": (400, lambda n: layers(n, 'input: "i{k}" input_shape {{ dim: 1 dim: 2 }}\n')),
    "input_dim": (400, lambda n: layers(n, 'input: "i{k}" input_dim: [1, 2, 3, 4]\n')),
    "tops of a Slice": (
        1_000,
        lambda n: (
            f'input: "x" input_shape {{ dim: 1 dim: {n} }} '
            f'layer {{ name: "s" type: "Slice" bottom: "x" {tops(n)} }}'
        ),
    ),
    "tops of a DummyData": (
        1_000,
        lambda n: (
            f'layer {{ name: "s" type: "DummyData" {tops(n)} '
            "dummy_data_param { shape { dim: 2 } } }"
        ),
    ),
    "bottoms of a Concat": (
        1_000,
        lambda n: INPUT + 'layer { name: "s" type: "Concat" ' + 'bottom: "x" ' * n + 'top: "y" }',
    ),
    "a chain": (
        150,
        lambda n: (
            INPUT
            + layers(n, 'layer {{ name: "l{k}" type: "ReLU" bottom: "{last}" top: "y{k}" }}\n')
        ),
    ),
    "a chain whose last layer reads all": (
        100,
        lambda n: (
            INPUT
            + layers(n, 'layer {{ name: "l{k}" type: "ReLU" bottom: "{last}" top: "y{k}" }}\n')
            + f'layer {{ name: "e" type: "Concat" {bottoms(n)} top: "z" }}'
        ),
    ),
    "layers in place": (
        150,
        lambda n: (
            INPUT
            + 'layer { name: "a" type: "ReLU" bottom: "x" top: "y" }\n'
            + layers(n, 'layer {{ name: "l{k}" type: "ReLU" bottom: "y" top: "y" }}\n')
        ),
    ),
    "readers of one blob": (
        150,
        lambda n: (
            INPUT + layers(n, 'layer {{ name: "l{k}" type: "ReLU" bottom: "x" top: "y{k}" }}\n')
        ),
    ),
    "odd names": (
        150,
        lambda n: (
            INPUT + layers(n, 'layer {{ name: "/" type: "ReLU" bottom: "x" top: "/ {k:060}" }}\n')
        ),
    ),
    "losses without tops": (
        150,
        lambda n: (
            VECTORS + 'layer { name: "l" type: "EuclideanLoss" bottom: "x" bottom: "y" }\n' * n
        ),
    ),
    "one shared weight": (
        60,
        lambda n: (
            INPUT
            + layers(
                n,
                'layer {{ name: "l{k}" type: "Convolution" bottom: "x" top: "y{k}" '
                'param {{ name: "w" }} '
                "convolution_param {{ num_output: 3 kernel_size: 1 bias_term: false }} }}\n",
            )
        ),
    ),
    "bottoms of no layer": (
        150,
        lambda n: (
            INPUT
            + layers(n, 'layer {{ name: "l{k}" type: "ReLU" bottom: "x" top: "y{k}" }}\n')
            + layers(n, 'layer {{ name: "m{k}" type: "ReLU" bottom: "z{k}" top: "w{k}" }}\n')
        ),
    ),
    "old layers": (
        150,
        lambda n: (
            'input: "x" input_dim: [1, 3, 8, 8]\n'
            + layers(n, 'layers {{ name: "l{k}" type: RELU bottom: "x" top: "y{k}" }}\n')
        ),
    ),
}


def check(text):
    "\n".join(map(str, protonet.check(text)))


def format_(text):
    format_text(parse(load_any(text).source))


def show(text):
    found = costs(graph(text))
    for style in FORMATS.values():
        style(found)


def picture(text):
    drawing = draw(text)
    assert drawing.svg
    assert drawing.dot


def diff(text):
    other = Source("<other>", text.text.replace('name: "', 'name: "other '))
    differences(graph(text), graph(other))


def seconds(task, text):
    """CPU time of this process; a text that is refused took its time as well."""
    gc.collect()
    gc.disable()
    start = time.process_time()
    try:
        task(Source("<text>", text))
    except NetError as error:
        str(error)
    finally:
        gc.enable()
    return time.process_time() - start


def grows(task, make, n):
    """The smallest ratio seen of the times that n and 4 n take."""
    seconds(task, make(n // 10))
    best = float("inf")
    for round_ in range(TRIES):
        size = n + round_  # no text that has been seen before
        best = min(best, seconds(task, make(4 * size)) / seconds(task, make(size)))
        if best < MOST / 1.5:
            break
    return best


@pytest.mark.parametrize("name", TEXTS)
def test_reading(name):
    n, make = TEXTS[name]
    assert grows(check, make, n) < MOST


@pytest.mark.parametrize("task", [check, format_, show, picture, diff])
@pytest.mark.parametrize("name", NETS)
def test_nets(name, task):
    n, make = NETS[name]
    assert grows(task, make, n) < MOST


@pytest.mark.parametrize(
    "name",
    ["tops of a Slice", "readers of one blob", "losses without tops", "a chain", "layers in place"],
)
def test_emit(name):
    n, make = NETS[name]
    assert grows(protonet.emit, make, n) < MOST
