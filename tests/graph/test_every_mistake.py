"""Several mistakes in one file: each is told once, in its place, and nothing follows from it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

import protonet
from protonet.diagnostics import NetError

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
INPUT = (
    'layer { name: "in" type: "Input" top: "data" input_param { shape { dim: [1, 3, 8, 8] } } }\n'
)


def told(text, phase=None):
    """(line, message) of every problem."""
    return [(e.span.line, e.message) for e in protonet.check(text, phase)]


def test_fields_values_types_bottoms_and_shapes_are_told_together():
    text = INPUT + (
        'layer { name: "a" type: "Convolution" bottom: "data" top: "a" '
        "convolution_param { num_outputs: 4 kernel_size: 3 } }\n"
        'layer { name: "b" type: "Pooling" bottom: "a" top: "b" pooling_param { pool: MAXIMUM } }\n'
        'layer { name: "c" type: "Relu" bottom: "b" top: "c" }\n'
        'layer { name: "d" type: "ReLU" bottom: "dat" top: "d" }\n'
        'layer { name: "e" type: "Pooling" bottom: "data" top: "e" pooling_param { } }\n'
        'layer { name: "f" type: "Eltwise" bottom: "d" bottom: "e" top: "f" }\n'
    )
    found = told(text)
    assert [line for line, _ in found] == [2, 3, 4, 5, 6]
    words = ("no field 'num_outputs'", "not MAXIMUM", "type 'Relu'", "bottom 'dat'", "kernel")
    for (_, message), word in zip(found, words, strict=True):
        assert word in message


def test_two_mistakes_of_one_layer_are_two():
    text = (
        INPUT + 'layer { name: "a" type: "ReLu" bottom: "dat" top: "a" relu_param { slope: 1 } }\n'
    )
    assert [message for _, message in told(text)] == [
        "layer 'a' has the unknown type 'ReLu'",
        "layer 'a' (ReLu): the bottom 'dat' is not the top of any layer",
        "ReLUParameter has no field 'slope'",
    ]


def test_a_blob_that_nobody_makes_is_one_mistake():
    reading = "".join(
        f'layer {{ name: "r{i}" type: "ReLU" bottom: "dat" top: "r{i}" }}\n' for i in range(7)
    )
    (error,) = protonet.check(INPUT + reading)
    assert error.span.line == 2
    assert error.hint == "did you mean 'data'? (lines 3, 4, 5, 6, 7 and 1 more read it, too)"
    with pytest.raises(NetError) as caught:
        protonet.emit(INPUT + reading)
    assert len(caught.value.all) == 1


@pytest.mark.parametrize(
    "first",
    [
        'inptu: "data" input_shape { dim: [1, 3, 8, 8] }\n',
        'input: "data" input_dims: 1 input_dim: 3 input_dim: 8 input_dim: 8\n',
        'input: "data" input_dim: x input_dim: 3 input_dim: 8 input_dim: 8\n',
        'input: "data" input_shape { dim: [1, 3, 8.5, 8] }\n',
        "input: data input_shape { dim: [1, 3, 8, 8] }\n",
        INPUT.replace("layer", "layr", 1),
        INPUT.replace("top", "topp"),
        INPUT.replace('"data"', "data"),
        INPUT.replace("dim: [1", "dim: [1.5"),
        INPUT.replace('"Input"', "Input"),
        INPUT.replace('top: "data"', 'top: "data" include { phase: TRAN }'),
        INPUT.replace('top: "data"', 'top: "data" include { phase: TEST } exclude { stage: "x" }'),
    ],
)
def test_nothing_follows_from_a_mistake_in_the_input(first):
    rest = (
        'layer { name: "a" type: "Pooling" bottom: "data" top: "a" '
        "pooling_param { kernel_size: 3 } }\n"
        'layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" '
        "inner_product_param { num_output: 3 } }\n"
    )
    assert [line for line, _ in told(first + rest)] == [1]


def test_old_forms_are_looked_at_to_their_end():
    text = (
        'input: "data" input_dim: 1 input_dim: 3 input_dim: 8 input_dim: 8\n'
        'layers { name: "a" type: POOL bottom: "data" top: "a" }\n'
        'layers { name: "b" type: RELU bottom: "dta" top: "b" }\n'
        'layers { name: "c" type: SOFTMAX bottom: "a" top: "c" include { phase: TES } }\n'
        'layers { name: "d" type: POOLING bottom: "data" top: "d" pooling_param { } }\n'
    )
    assert [line for line, _ in told(text)] == [2, 3, 4, 5]
    first = (
        'layers { layer { name: "a" type: "conv" num_output: 2 kernelsize: 3 stdev: 1 } '
        'bottom: "data" top: "a" }\n'
        'layers { layer { name: "b" type: "pol" kernelsize: 2 } '
        'bottom: "a" top: "b" }\n'
        'layers { layer { name: "c" type: "relu" } bottom: "d" top: "c" }\n'
    )
    assert [line for line, _ in told(text.partition("\n")[0] + "\n" + first)] == [2, 3, 4]


def test_files_that_layers_name_are_told_with_the_rest(tmp_path):
    bad = tmp_path / "matrix.binaryproto"
    bad.write_bytes(b"\xff\xff\xff")
    losses = "".join(
        f'layer {{ name: "{name}" type: "InfogainLoss" bottom: "data" bottom: "data" top: "{name}" '
        f'infogain_loss_param {{ source: "{bad}" }} }}\n'
        for name in "ab"
    )
    text = f'{INPUT}{losses}layer {{ name: "s" type: "Softmx" bottom: "a" top: "s" }}\n'
    assert [line for line, _ in told(text)] == [2, 3, 4]


def lines_of_layers(text):
    """{line number: text} of the lines that can be spoilt, one a layer."""
    found = []
    for start in re.finditer(r"^layer \{", text, re.MULTILINE):
        end = text.find("\nlayer {", start.start())
        found.append((start.start(), len(text) if end < 0 else end))
    return found


SPOILT = (
    (r"(\n\s*)(kernel_size|num_output|pool|local_size|dropout_ratio)(: )", r"\1\2_of_it\3"),
    (r"(kernel_size|num_output|local_size): \d+", r"\1: 3x"),
    (r'type: "(\w+)"', r'type: "\1Layr"'),
    (r'bottom: "([^"]+)"', r'bottom: "\1 of nobody"'),
    (r"pool: \w+", r"pool: MEDIAN"),
)


@pytest.mark.parametrize("name", ["alexnet", "googlenet", "resnet50", "densenet121"])
@pytest.mark.parametrize("seed", range(3))
def test_as_many_problems_as_mistakes(name, seed):
    """Real nets, spoilt in some layers, each in one way: the errors are on these lines alone."""
    source = ZOO / name / "deploy.prototxt"
    text = (
        source.read_text() if source.exists() else (ZOO / "vgg16" / "deploy.prototxt").read_text()
    )
    chance = random.Random(f"{name} {seed}")
    layers = chance.sample(lines_of_layers(text)[1:], 6)
    wrong = []
    for start, end in sorted(layers, reverse=True):
        part = text[start:end]
        pattern, new = chance.choice([s for s in SPOILT if re.search(s[0], part)])
        place = re.search(pattern, part)
        at = start + place.start() + len(place[0]) - len(place[0].lstrip())
        text = (
            text[:start]
            + re.sub(pattern, new.replace("nobody", f"{len(wrong)}"), part, count=1)
            + text[end:]
        )
        wrong.append(text.count("\n", 0, at) + 1)
    assert [line for line, _ in told(text)] == sorted(wrong)
