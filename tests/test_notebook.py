"""protonet in a notebook: names that complete, errors that show their place, bars that move."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest

import protonet
from protonet.data.progress import tracked
from protonet.diagnostics import NetErrors
from protonet.training.evaluate import Score
from protonet.training.log_kinds import open_log

WRONG = 'layer { name: "a" type: "Conv" bottom: "x" top: "y" }\n'


def test_dir_is_the_api():
    code = "import protonet; print(*dir(protonet))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == sorted([*protonet.__all__, "__version__"])
    assert all(hasattr(protonet, name) for name in protonet.__all__)


class Printed:
    def __init__(self):
        self.shown = ""

    def text(self, text):
        self.shown += text


def test_an_error_shows_its_place():
    error, unmade = protonet.check(WRONG)
    assert "'x'" in unmade.message
    assert repr(error).startswith("<NetError <text>:1:19: layer 'a' has the unknown type 'Conv'")
    assert "did you mean 'Convolution'" in repr(error)
    printer = Printed()
    error._repr_pretty_(printer, _cycle=False)
    assert printer.shown == str(error)
    assert "^^^" in printer.shown
    several = NetErrors([error, error])
    assert repr(several).startswith("<NetErrors <text>:1:19: ")


def test_a_raised_error_shows_the_callers_lines_alone():
    try:
        protonet.compile(WRONG)
    except protonet.NetError as error:
        lines = "\n".join(error._render_traceback_())
    assert __file__ in lines
    assert "protonet.compile(WRONG)" in lines
    assert "api.py" not in lines
    assert "<text>:1:19: error: " in lines
    assert "^^^" in lines


def test_ipython_shows_it_so(capsys):
    shells = pytest.importorskip("IPython.core.interactiveshell")
    shell = shells.InteractiveShell()
    shell.run_cell(f"import protonet\nprotonet.compile({WRONG!r})")
    shown = capsys.readouterr().out
    assert "<text>:1:19: error: " in shown
    assert "api.py" not in shown


@pytest.fixture
def kernel(monkeypatch):
    """As in the kernel of a notebook; what is displayed, in its order."""
    shown = []

    class Handle:
        def update(self, text):
            shown.append(text)

    def display(text, display_id):
        assert display_id
        shown.append(text)
        return Handle()

    package, displays = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    package.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    displays.HTML, displays.display = str, display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", displays)
    return shown


def test_long_work_has_a_bar_there(kernel):
    assert list(tracked(range(500), "a<b", 500)) == list(range(500))
    assert len(kernel) < 100
    assert 'a&lt;b <progress value="0" max="500"></progress> 0/500' in kernel[0]
    assert 'value="500" max="500"' in kernel[-1]


def test_a_training_has_a_bar_there(kernel, capsys):
    log = open_log("auto")
    log.started("net", "fixed", 0, 10)
    log.tested(0, 0, [Score("accuracy", 0.5)], None)
    for iteration in range(1, 11):
        log.stepped(iteration, 0.25, 0.01, 32)
    log.close()
    assert 'value="10" max="10"' in kernel[-1]
    assert "loss 0.25  lr 0.01" in kernel[-1]
    assert capsys.readouterr().out == "iteration 0, test: accuracy 0.5\n"
