"""Whatever is done to a definition, check answers with errors that have a place."""

from __future__ import annotations

import os
import random
import re
import warnings
from pathlib import Path

import pytest

import protonet
from protonet.diagnostics import IgnoredFields, NetError
from protonet.layers import REGISTRY

ROOT = Path(__file__).parent.parent
# A folder of more nets to do it to, which is not part of the project.
CORPUS = os.environ.get("PROTONET_CORPUS")
NUMBERS = ["-1", "0", "1", "2", "3", "7", "100", "4294967295", "99999999999", "0.5", "nan", "x"]
TOKEN = re.compile(r'"[^"]*"|[A-Za-z_]\w*|-?\d+(?:\.\d+)?|[{}:]')

pytestmark = pytest.mark.filterwarnings("ignore::protonet.diagnostics.IgnoredFields")


def mutated(text, draw):
    """The text with one to three tokens dropped, doubled, exchanged or given another number."""
    for _ in range(draw.randint(1, 3)):
        tokens = list(TOKEN.finditer(text))
        if not tokens:
            return text
        token, other = draw.choice(tokens), draw.choice(tokens)
        numbers = [t for t in tokens if t[0][0] in "-0123456789"]
        way = draw.choice(["number", "number", "number", "drop", "double", "swap"])
        if way == "number" and numbers:
            token = draw.choice(numbers)
            new = draw.choice(NUMBERS)
        else:
            new = {"drop": "", "double": f"{token[0]} {token[0]}"}.get(way, other[0])
        text = text[: token.start()] + new + text[token.end() :]
    return text


def whole(example):
    inputs = "".join(
        f'layer {{ name: "in_{blob}" type: "Input" top: "{blob}" input_param {{ shape {{ '
        f"{' '.join(f'dim: {n}' for n in shape)} }} }} }}\n"
        for blob, shape in example.inputs.items()
    )
    return inputs + example.prototxt


def holds(text, emits=True):
    """Check lists errors with their places; what it accepts is written, or refused as clearly."""
    problems = protonet.check(text)
    assert all(isinstance(p, NetError) and str(p) for p in problems)
    assert all(p.span for p in problems), text
    if problems or not emits:
        return
    for phase in ("TEST", "TRAIN"):
        try:
            protonet.emit(text, phase=phase)
        except NetError:
            continue


NAMES = sorted(name for name, cls in REGISTRY.items() if name == cls.type and not cls.runs_code)


@pytest.mark.parametrize("name", NAMES)
def test_layers(name):
    draw = random.Random(name)
    for example in REGISTRY[name].examples:
        for _ in range(15):
            holds(mutated(whole(example), draw))


@pytest.mark.parametrize("net", ["lenet/train_val", "lenet/solver", "alexnet/deploy"])
def test_nets(net):
    text = (ROOT / "zoo_prototxt" / f"{net}.prototxt").read_text(encoding="utf-8")
    draw = random.Random(net)
    for _ in range(10):
        holds(mutated(text, draw), emits=False)


@pytest.mark.skipif(not CORPUS, reason="PROTONET_CORPUS names no folder of nets")
@pytest.mark.slow
def test_the_corpus():
    warnings.simplefilter("ignore", IgnoredFields)
    draw = random.Random(1)
    for path in sorted(Path(CORPUS).rglob("*.prototxt")):
        text = path.read_bytes().decode("utf-8", "replace")
        if len(text) < 40_000:
            holds(mutated(text, draw), emits=False)
