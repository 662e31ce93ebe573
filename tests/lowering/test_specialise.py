"""Helpers lose what no call asks for, and compute what they did."""

from __future__ import annotations

import pytest
import torch

import protonet
from protonet.lowering.folding import GIVEN, folded
from protonet.lowering.specialise import settled

BRANCHES = '''
def area(x, whole, mode, least, scale=2.0):
    """The area."""
    if mode == "none":
        return 0
    elif mode == "half" and x > least:
        # Only a part.
        x = x / 2
    else:
        x = x + (1 if whole else 2)
    size = x * scale or least
    return size if whole else -size
'''


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("mode", ["none", "half", "other"])
@pytest.mark.parametrize("x", [1.0, 5.0])
def test_a_folded_function_computes_the_same(x, whole, mode):
    made = folded(BRANCHES.strip(), {"whole": whole, "mode": mode})
    results = []
    for text in (BRANCHES, made):
        names = {}
        exec(text, names)
        results.append(names["area"](x, whole, mode, 3.0))
    assert results[0] == results[1]
    assert " if whole" not in made
    assert "mode ==" not in made


def test_what_is_given_is_not_none():
    text = "def f(x, y):\n    if y is None:\n        return x\n    return y or x"
    assert folded(text, {"y": GIVEN}) == "def f(x, y):\n    return y"


def test_an_elif_that_is_left_becomes_an_if():
    made = folded(BRANCHES.strip(), {"mode": "half"})
    assert "    if x > least:\n        # Only a part.\n        x = x / 2\n    else:" in made


TOLD = {
    "told": "def told(x, what: str, most: int | None = None):\n"
    "    if most is not None:\n        x = x[:most]\n"
    '    if len(x) == 0:\n        raise ValueError(f"no {what} of {most} in {what!r}")\n'
    "    return x",
}


def test_a_word_that_a_string_shows_stays_a_name():
    """In its place it would end the string, in Python before 3.12."""
    texts, gone = settled(TOLD, {"told": [([object(), "box"], {})]})
    names = {}
    exec(texts["told"], names)
    assert gone["told"] == {"most"}
    with pytest.raises(ValueError, match=r"^no box of None in 'box'$"):
        names["told"]([], "box")


CALLED = {
    "inner": "def inner(x, flag: bool = False, count: int | None = None, eta: float = 1.0):\n"
    '    """Twice x. With ``flag`` it is x. It is cut at ``count``."""\n'
    "    if flag:\n        return x\n"
    "    if eta < 1:\n        x = x * eta\n"
    "    return 2 * x[:count]",
    "outer": "def outer(x, eta: float):\n    return inner(x, eta=eta) + inner(x)",
}


def test_what_is_the_same_in_all_calls_goes_everywhere():
    texts, gone = settled(dict(CALLED), {"inner": [], "outer": [([object()], {"eta": 1.0})]})
    assert texts["inner"] == 'def inner(x):\n    """Twice x."""\n    return 2 * x'
    assert texts["outer"] == "def outer(x):\n    return inner(x) + inner(x)"
    assert gone == {"inner": {"flag", "count", "eta"}, "outer": {"eta"}}


WORDS = {
    "inner": "def inner(x, shift=0.0, *, flag: bool = False, low: float | None = None, eta: float)"
    ":\n    if flag:\n        x = -x\n"
    "    if low is not None:\n        x = max(x, low)\n"
    "    return x * eta + shift",
    "outer": "def outer(x, /, low, *more, flag, **others):\n"
    "    return inner(x, low=low, eta=2.0, flag=flag) + len(more) + len(others)",
}


def run(texts, *args, **words):
    names = {}
    for text in texts.values():
        exec(text, names)
    return names["outer"](*args, **words)


def test_parameters_by_word_alone_go_as_others_do():
    given = ([object(), GIVEN, 1, 2], {"flag": False, "other": 3})
    texts, gone = settled(dict(WORDS), {"inner": [], "outer": [given]})
    assert texts["inner"].startswith(
        "def inner(x, *, low: float, eta: float):\n    x = max(x, low)"
    )
    assert texts["outer"].startswith("def outer(x, /, low, *more, **others):")
    assert gone == {"inner": {"shift", "flag"}, "outer": {"flag"}}
    assert run(texts, 1, 5.0, 1, 2, other=3) == run(WORDS, 1, 5.0, 1, 2, flag=False, other=3)


def test_parameters_by_word_that_differ_stay():
    calls = [([object(), 4.0], {"flag": flag}) for flag in (True, False)]
    texts, gone = settled(dict(WORDS), {"inner": [], "outer": calls})
    head = "def inner(x, *, flag: bool = False, low: float | None = None, eta: float):"
    assert texts["inner"].startswith(head.replace("float | None = None", "float"))
    assert "flag=flag" in texts["outer"]
    assert gone["outer"] == set()
    assert run(texts, 1, 4.0, flag=True) == run(WORDS, 1, 4.0, flag=True)


def test_places_behind_the_named_ones_stay_where_they_are():
    texts = {
        "inner": "def inner(flag, *parts, scale=1.0):\n    return sum(parts) * scale",
        "outer": "def outer(x):\n    return inner(True, x, x + 1)",
    }
    made, gone = settled(dict(texts), {"inner": [], "outer": [([object()], {})]})
    assert made["inner"].startswith("def inner(*parts):")
    assert made["outer"] == "def outer(x):\n    return inner(x, x + 1)"
    assert run(made, 3) == run(texts, 3) == 7
    assert gone["inner"] == {"flag", "scale"}


def test_what_differs_stays():
    texts, _ = settled(dict(CALLED), {"inner": [], "outer": [([object()], {"eta": 0.5})]})
    assert "if eta < 1:" in texts["inner"]
    assert "eta=eta" in texts["outer"]


def test_a_function_that_is_handed_on_stays_as_it_is():
    text = {**CALLED, "outer": "def outer(x):\n    return map(inner, x)"}
    texts, _ = settled(text, {"inner": [], "outer": [([object()], {})]})
    assert texts == text


LOSS = """
input: "x" input_shape {{ dim: 6 dim: 4 }} input: "label" input_shape {{ dim: 6 }}
layer {{ name: "fc" type: "InnerProduct" bottom: "x" top: "fc"
        inner_product_param {{ num_output: 3 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss" type: "SoftmaxWithLoss" bottom: "fc" bottom: "label" top: "loss"
        loss_param {{ {loss} }} }}
"""


def test_a_plain_loss_is_three_lines():
    lines = protonet.emit(LOSS.format(loss="")).splitlines()
    start = lines.index("def softmax_loss(scores: Tensor, labels: Tensor) -> Tensor:")
    assert lines[start + 2] == '    own = F.cross_entropy(scores, labels, reduction="none")'
    assert lines[start + 5] == ""


@pytest.mark.parametrize("loss", ["ignore_label: 1", "ignore_label: 7", "normalization: NONE"])
def test_losses_divide_by_what_counts(loss):
    net = protonet.compile(LOSS.format(loss=loss))
    x, label = torch.rand(6, 4), torch.tensor([0.0, 1, 2, 1, 0, 2])
    scores = net.fc(x)
    each = torch.nn.functional.cross_entropy(scores, label.long(), reduction="none")
    counts = label != float(loss.split()[1]) if "ignore" in loss else label >= 0
    divisor = counts.sum() if "ignore" in loss else 1
    torch.testing.assert_close(net(x, label), each[counts].sum() / divisor)


def test_what_a_helper_lost_is_not_given_by_place():
    net = protonet.emit(
        'input: "x" input_shape { dim: 1 dim: 8 dim: 4 dim: 5 } '
        'input: "image" input_shape { dim: 1 dim: 3 dim: 32 dim: 40 } '
        'layer { name: "l" type: "PriorBox" bottom: "x" bottom: "image" top: "y" '
        "prior_box_param { min_size: 30 aspect_ratio: 2 flip: true variance: 0.1 } }"
    )
    assert "box_sizes(30, [2])" in net
    assert "def box_sizes(least: int, ratios: list[float])" in net
