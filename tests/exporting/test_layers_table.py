"""docs/onnx-layers.md: what every layer type becomes in ONNX, found by exporting its examples."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from trial import tried

from protonet.layers import REGISTRY

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning")
TABLE = Path(__file__).parent.parent.parent / "docs" / "onnx-layers.md"
HEAD = """# Layers in ONNX

Made by `python -m pytest --slow --update-golden tests/exporting/test_layers_table.py`: the examples
of every layer type (`protonet layers TYPE` shows them) were exported with random weights, and their
outputs compared in onnxruntime with those of the PyTorch module. *Any batch* says whether `--batch
dynamic` was equal, too, with 1 and 3 items; the example of DetectionOutput has its priors as an
input, those of a PriorBox take any. Data layers become inputs.

| layer | any batch | operators of its examples |
|---|---|---|
"""


def types():
    """Each layer class that computes once, by its first name."""
    found = {}
    for cls in REGISTRY.values():
        if cls.examples and not cls.is_data:
            found.setdefault(cls, cls.type)
    return sorted((name, cls) for cls, name in found.items())


def definition(example):
    """An example with an Input layer for each of its bottoms."""
    inputs = (
        f'layer {{ name: "in_{blob}" type: "Input" top: "{blob}" input_param {{ shape {{ '
        + " ".join(f"dim: {n}" for n in shape)
        + " } } }\n"
        for blob, shape in example.inputs.items()
    )
    return "".join(inputs) + example.prototxt


def row(name, cls, folder):
    """The line of a layer type: its operators, or why it has none."""
    operators, errors, anyhow = [], [], True
    for example in cls.examples:
        source, path = definition(example), folder / "net.onnx"
        is_free = not tried(name, source, path, batch="dynamic").error
        found = tried(name, source, path, check=not is_free)
        if found.error:
            errors.append(found.error)
            continue
        anyhow = anyhow and is_free
        counts = Counter(node.op_type for node in onnx.load(path).graph.node)
        operators.append(" + ".join(op if n == 1 else f"{n} {op}" for op, n in counts.items()))
    if not operators:
        reason = re.sub(r"^layer '.*?' \(.*?\):? ?", "", errors[0])
        return f"| {name} | | not exported: {reason.replace('|', '/')} |"
    words = dict.fromkeys(text or "nothing: the value itself" for text in operators)
    return f"| {name} | {'yes' if anyhow else 'no'} | {'; '.join(words)} |"


def written():
    """The rows of the table by layer type."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| layer |")]
    return {line.split("|")[1].strip(): line for line in rows}


def test_the_table_has_every_layer():
    assert list(written()) == [name for name, _ in types()]


@pytest.mark.parametrize("name", ["ReLU", "InnerProduct", "DetectionOutput", "PriorBox"])
def test_the_table_says_what_is(name, tmp_path):
    assert written()[name] == row(name, dict(types())[name], tmp_path)


@pytest.mark.slow
def test_the_table_is_up_to_date(tmp_path, request):
    text = HEAD + "\n".join(row(name, cls, tmp_path) for name, cls in types()) + "\n"
    if request.config.getoption("--update-golden"):
        TABLE.write_text(text, encoding="utf-8")
    assert text == TABLE.read_text(encoding="utf-8")
