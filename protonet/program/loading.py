"""How a standalone file loads the weights beside it, and says so."""

from __future__ import annotations

from protonet.program.expr import wrap
from protonet.program.program import Program

STANDARD = "from pathlib import Path"
OPENING = "from safetensors import safe_open"
THIRD_PARTY = "from safetensors.torch import load_model"


def constant(weights: str) -> str:
    """The path of the weights, beside the file."""
    return f"WEIGHTS = Path(__file__).with_name({wrap(weights).text()})"


def function(program: Program) -> list[str]:
    """The function that makes the module with its weights."""
    mode = "ready to go on training" if program.training else "in evaluation mode"
    return [
        "def load(path=WEIGHTS):",
        f'    """The net with its trained weights, {mode}."""',
        f"    net = {program.name}()",
        "    load_model(net, path)",
        "    return net" if program.training else "    return net.eval()",
    ]


def advice(prepares: bool) -> str:
    """What ``python net.py`` says at its end."""
    if not prepares:
        return '    print(f"To use it: from {Path(__file__).stem} import load; net = load()")'
    names = '    names = f"from {Path(__file__).stem} import load, preprocess"'
    return names + '\n    print(f"To use it: {names}; load()(preprocess(image))")'
