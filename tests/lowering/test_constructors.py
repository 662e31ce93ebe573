"""The table of what torch's callables take says what torch itself says."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from protonet.program import constructors, defaults

ROOTS = {"F": F, "nn": nn, "nn.init": nn.init, "torch": torch}
HEAD = """\
# What torch's callables take, so that a net is written without importing torch.
# Made by `python -m pytest tests/lowering/test_constructors.py --update-golden`.
"""


def callables():
    """All that is torch's own, by its path; not what torch imports from elsewhere."""
    for root, module in ROOTS.items():
        for name, target in sorted(vars(module).items()):
            home = getattr(target, "__module__", None) or "torch"
            if not name.startswith("_") and callable(target) and home.startswith("torch"):
                yield f"{root}.{name}", target


def plain(value):
    """A default as a literal; one that is none as an ellipsis."""
    try:
        assert ast.literal_eval(repr(value)) == value
    except (AssertionError, SyntaxError, ValueError):
        return ...
    return value


def told(target):
    """The parameters of a callable in plain form; none where it tells nothing of itself."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    empty = inspect.Parameter.empty
    return [
        one.replace(annotation=empty, default=empty if one.default is empty else plain(one.default))
        for one in parameters
    ]


def line(path, parameters):
    return path if parameters is None else f"{path}{inspect.Signature(parameters)}"


@pytest.fixture
def table(request):
    """What the table should be; it is rewritten where that is asked for."""
    found = {path: told(target) for path, target in callables()}
    if request.config.getoption("--update-golden"):
        lines = "\n".join(line(path, found[path]) for path in sorted(found))
        text = lines.replace("Ellipsis", "...")
        constructors.TABLE.write_text(f"{HEAD}{text}\n", encoding="utf-8")
        constructors._lines.cache_clear()
    return found


def test_it_says_what_torch_says(table):
    for path, parameters in table.items():
        assert constructors.stated(path) == (parameters or []), path
    assert set(constructors._lines()) == set(table)


def test_what_the_table_lacks_is_asked_of_torch():
    assert constructors.stated("torch.linalg.norm") is None
    assert defaults.defaults_of("nn.utils.clip_grad_norm_")["norm_type"] == 2.0
    assert defaults.defaults_of("nn.NoSuchThing") == {}


def test_a_net_is_written_without_torch():
    code = """
import sys, protonet
sys.modules["torch"] = None  # whoever imports it fails
for kind in ("alexnet/deploy", "resnet20_cifar/train_val", "googlenet/train_val"):
    for phase in ("TEST", "TRAIN"):
        assert "import torch" in protonet.emit(f"zoo_prototxt/{kind}.prototxt", phase=phase)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
