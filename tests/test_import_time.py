"""`import protonet` brings little with it, and does a fraction of what importing numpy does."""

from __future__ import annotations

import subprocess
import sys

from counted_calls import calls

HEAVY = ("torch", "numpy", "google.protobuf", "lark", "click", "rich", "yaml", "safetensors")
FRACTION = 1 / 3


def test_it_brings_nothing_heavy():
    code = f"import sys, protonet; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_command_brings_nothing_heavy_either():
    heavy = tuple(name for name in HEAVY if name != "click")
    code = f"import sys, protonet.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_command_brings_torch_before_it_is_needed():
    code = (
        "import sys, importlib; from protonet.cli import _COMMANDS\n"
        "for name in _COMMANDS:\n"
        "    importlib.import_module(f'protonet.cli.{name}')\n"
        "    assert 'torch' not in sys.modules, name"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_ctrl_c_while_the_command_is_imported_is_a_line():
    code = """
import sys
class Interrupted:
    def find_spec(name, *_):
        if name == "protonet.cli":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted)
from protonet.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "protonet: interrupted\n")


def test_it_does_a_fraction_of_numpys_work():
    own, numpys = calls("import protonet"), calls("import numpy")
    assert own < numpys * FRACTION, (own, numpys)
