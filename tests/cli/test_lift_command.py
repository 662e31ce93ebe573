"""lift: what it prints, and what it says of models that it can't take."""

import os
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn

from protonet.cli.lift import command
from protonet.diagnostics import NetError

MODELS = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))

class Odd(nn.Module):
    def forward(self, x):
        y = torch.linalg.svdvals(x)
        return torch.linalg.det(torch.diag_embed(y))

made = make()
number = 5

def broken():
    return 1 / 0
"""


@pytest.fixture
def lift(tmp_path, monkeypatch):
    """A function that runs the command in an empty folder with some models in it."""
    monkeypatch.chdir(tmp_path)
    Path("models.py").write_text(MODELS)
    return lambda *options: CliRunner().invoke(command, options)


def fault(result):
    """The error that a command ended in; the group would print it."""
    assert isinstance(result.exception, NetError)
    return str(result.exception)


def test_it_says_what_it_wrote_and_how_equal_it_is(lift):
    result = lift("models.py:make", "--input", "2x3x8x8", "-o", "net.prototxt")
    assert result.exit_code == 0, result.exception
    first, second, third = result.stderr.splitlines()
    assert first.startswith("wrote net.prototxt (3 layers) and net.caffemodel (837 parameters)")
    assert second == "input 2x3x8x8 -> 3 2x5"
    assert re.match(r"equal in \d blobs on 3 inputs, by \d", third)
    assert sorted(os.listdir()) == ["models.py", "net.caffemodel", "net.prototxt"]


def test_a_module_of_a_file_is_taken_as_it_is(lift):
    assert lift("models.py:made", "--input", "1x3x8x8", "-o", "net.prototxt").exit_code == 0


def test_a_saved_program_needs_no_sizes(lift):
    net = nn.Conv2d(1, 2, 3).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 1, 5, 5),)), "net.pt2")
    result = lift("net.pt2", "-o", "lifted.prototxt")
    assert result.exit_code == 0, result.exception
    assert 'name: "net"' in Path("lifted.prototxt").read_text()
    assert lift("net.pt2", "--input", "1x1x5x5", "-o", "lifted.prototxt").exit_code == 2


FAULTS = {
    "none.py:make": "none.py can't be read: no such file or directory",
    "models.py:mak": "models.py has no 'mak'",
    "models.py:number": "models.py:number gives int, no nn.Module",
    "models.py:broken": "ZeroDivisionError: division by zero",
    "models.py": "models.py is nothing to lift",
    "net.onnx": "net.onnx is nothing to lift",
    "none.pt2": "none.pt2 can't be read",
}


@pytest.mark.parametrize("model", FAULTS)
def test_what_is_no_model_is_told(lift, model):
    sizes = () if model.endswith(".pt2") else ("--input", "1x3x8x8")
    assert FAULTS[model] in fault(lift(model, *sizes, "-o", "net.prototxt"))
    assert sorted(os.listdir()) == ["models.py"]


def test_sizes_that_forward_does_not_take_are_told(lift):
    said = fault(lift("models.py:make", "--input", "1x3x9x9", "-o", "net.prototxt"))
    assert "Sequential's forward fails on an input of 1x3x9x9: " in said
    assert "hint: give the sizes of every argument" in said


def test_every_operator_that_has_no_layer_is_told_with_its_line(lift):
    said = fault(lift("models.py:Odd", "--input", "4x4", "-o", "net.prototxt"))
    assert "models.py:11 (y = torch.linalg.svdvals(x)): linalg_svdvals of 4x4 can't" in said
    assert "models.py:12 (return torch.linalg.det(torch.diag_embed(y)))" in said
    assert sorted(os.listdir()) == ["models.py"]


def test_the_output_is_looked_at_first(lift):
    assert "is no .prototxt" in fault(lift("none.pt2", "-o", "net.caffemodel"))
    assert "there is no folder" in fault(lift("none.pt2", "-o", "no/net.prototxt"))


@pytest.mark.parametrize("sizes", ["", "3x", "0x3", "axb", "1x3:text"])
def test_odd_sizes_are_told(lift, sizes):
    result = lift("models.py:make", "--input", sizes, "-o", "net.prototxt")
    assert result.exit_code == 2
    assert "1x3x224x224" in result.output


def test_forward_needs_sizes(lift):
    result = lift("models.py:make", "-o", "net.prototxt")
    assert result.exit_code == 2
    assert "--input" in result.output
