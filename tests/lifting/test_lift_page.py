"""docs/lift-operators.md: torch's operators, the layers that they become, and the dialects."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from protonet.lifting import patterns
from protonet.lifting.dialects import BVLC, DIALECTS
from protonet.lifting.movement.moves import MOVES

PAGE = Path(__file__).parents[2] / "docs" / "lift-operators.md"
HEAD = """# PyTorch's operators in Caffe

<!-- held: tests/lifting/test_lift_page.py -->

What `protonet lift` and `protonet.to_caffe` write for an operator of `torch.export`'s graph, made
by `python -m pytest --update-golden tests/lifting/test_lift_page.py` from the patterns and
their examples. The layers are those for Caffe 1.0, of some of the forms that an operator has; each
example is lifted in a test, and its files compute what the module does.

| what | operators | layers of its examples |
|---|---|---|
"""
MOVED = """
Operators that only move elements ({}) have no layers of their own: their places are followed,
and what they come to together becomes the shortest of Reshape, Flatten, Slice, Crop, Concat, Tile,
a Convolution or Deconvolution of zeros and ones, or BatchReindex with a constant. Zero padding
becomes a part of the convolution or pooling behind it.
"""
DIALECT_HEAD = """
## Dialects

`--dialect` names what is to read the files. A layer that it does not take is said in others that it
does, where that is exact; else the operator is refused, with its line of Python.

| dialect | is read by | beside Caffe 1.0 | not taken | of which fields only | source |
|---|---|---|---|---|---|
"""


def operators_of(name):
    """The operators whose patterns, alone or as the last of several, stand in a file."""
    home = f"{patterns.__name__}.{name}"
    alone = [key for key, found in patterns._PATTERNS.items() if found.__module__ == home]
    last = [
        f"… {key}"
        for key, several in patterns._FUSIONS.items()
        if any(each.__module__ == home for each in several) and key not in alone
    ]
    return sorted(alone) + sorted(last)


def rows():
    for found in pkgutil.iter_modules(patterns.__path__):
        module = importlib.import_module(f"{patterns.__name__}.{found.name}")
        forms = dict.fromkeys(", ".join(e.layers) for e in module.examples)
        shortest = sorted((f for f in forms if f), key=lambda text: (text.count(","), text))[:4]
        title = module.__doc__.split(":")[0].rstrip(".")
        names = ", ".join(f"`{name}`" for name in operators_of(found.name))
        yield f"| {title} | {names} | {'; '.join(shortest)} |"


def dialects():
    for each in DIALECTS.values():
        more = ", ".join(sorted(each.layers - BVLC.layers))
        less = ", ".join(sorted(BVLC.layers - each.layers))
        fields = [
            f"{kind}.{name}" + (f" {' or '.join(map(str, values))}" if values else " none")
            for kind, limits in sorted(each.allowed.items())
            for name, values in sorted(limits.items())
            if name != "round_mode" or values
        ]
        if each.most_tops:
            fields.append(f"at most {each.most_tops} tops")
        told = f"| `{each.name}` | {each.title} | {more} | {less} | {', '.join(fields)} "
        yield f"{told}| {each.source} |"


def test_the_page_of_operators_is_up_to_date(request):
    patterns.pattern_of("")
    moved = MOVED.format(", ".join(f"`{name}`" for name in sorted(MOVES)))
    text = HEAD + "\n".join(rows()) + "\n" + moved + DIALECT_HEAD + "\n".join(dialects()) + "\n"
    if request.config.getoption("--update-golden"):
        PAGE.write_text(text, encoding="utf-8")
    assert text == PAGE.read_text(encoding="utf-8")
