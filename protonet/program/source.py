"""From a program to the text of a Python file that stands alone; the program stays as it is."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator

from protonet.garbage import uncollected
from protonet.preparation import Preparation
from protonet.program import loading
from protonet.program.expr import Call, Mapping, Name, Ref, Sequence, wrap
from protonet.program.layout import WIDTH, statement
from protonet.program.preprocess import functions
from protonet.program.printer import Piece, Printer
from protonet.program.program import Program

_USED = {
    "np": "import numpy as np",
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
}


@uncollected()
def source(program: Program, weights: str = "", preparation: Preparation | None = None) -> str:
    """The file: imports, helpers, the classes, and a trial run under ``python net.py``.

    With the name of a file of ``weights`` also a function that loads them from beside it; with a
    ``preparation`` one that prepares an image, whose mean image is in that file.
    """
    found = pieces(program, weights, preparation)
    return "\n".join(line for piece in found for line in piece.lines) + "\n"


def pieces(
    program: Program, weights: str = "", preparation: Preparation | None = None
) -> list[Piece]:
    """The lines of the file in their order, each with the layers that it is there for."""
    parts = list(_parts(program, weights, preparation))
    code = "\n".join(line for part in parts for piece in part for line in piece.lines)
    found = [Piece((_docstring(program.doc), "", *_imports(code, program, weights)))]
    for index, part in enumerate(parts):
        constant = index == 0 and not part[0].lines[0].startswith(("class", "def", "@"))
        found += [Piece(("",) if constant else ("", "")), *part]
    return found


def printer(program: Program) -> Printer:
    """What prints the program's classes and methods."""
    return Printer({helper.code.__name__: helper.code for helper in program.helpers})


def _parts(
    program: Program, weights: str, preparation: Preparation | None
) -> Iterator[list[Piece]]:
    """What two blank lines set apart."""
    if weights:
        yield [Piece((loading.constant(weights),))]
    for helper in program.helpers:
        text = helper.text or textwrap.dedent(inspect.getsource(helper.code)).rstrip()
        text = text.replace("torch.Tensor", "Tensor") if program.main.is_typed else text
        yield [Piece(tuple(text.split("\n")), helper.origin)]
    yield from _table(program)
    for cls in program.classes:
        yield list(printer(program).class_(cls))
    if weights:
        yield [Piece(tuple(loading.function(program)))]
    for lines in functions(preparation) if preparation else ():
        yield [Piece(tuple(lines))]
    yield [Piece(tuple(_main(program, weights, preparation is not None)))]


def _docstring(text: str) -> str:
    """A docstring of one line; a name from a file is text, never code."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    safe = plain.replace("\\", "/").replace('"', "'").strip()
    return f'"""{safe[: WIDTH - 6].strip()}"""'


def _imports(body: str, program: Program, weights: str) -> Iterable[str]:
    """Imports of what the code uses, in the order that the formatter's users expect."""
    code = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', body)
    modules = ("base64", "importlib", "math", "sys", "types")
    own = [name for name in modules if re.search(rf"\b{name}\.", code)]
    first = [f"import {name}" for name in own]
    first += [loading.STANDARD] if weights else []
    first += ["from typing import Any"] if re.search(r"\bAny\b", code) else []
    then = [line for name, line in _USED.items() if re.search(rf"\b{name}\.", code)]
    then += [loading.OPENING] if re.search(r"\bsafe_open\(", code) else []
    then += [loading.THIRD_PARTY] if weights else []
    last = [f"import {module}" for module in program.imports]
    typed = re.search(r"(?<!\.)\bTensor\b", code)
    groups = (first, [*then, f"from torch import {'Tensor, ' if typed else ''}nn"], last)
    return "\n\n".join("\n".join(group) for group in groups if group).split("\n")


def _table(program: Program) -> Iterator[list[Piece]]:
    """The layers' names in Caffe, where one of them could not be kept."""
    if not program.tells_layers:
        return
    layers: dict[str, str] = {}
    for part in program.main.submodules:  # weights go to the first of a name
        layers.setdefault(part.origin[0].name, part.attribute)
    if any(name != attribute for name, attribute in layers.items()):
        names = Mapping({name: wrap(attribute) for name, attribute in layers.items()})
        lines = "# Caffe's name of each layer.", *statement("LAYERS = ", names, 0)
        yield [Piece(lines)]


def _main(program: Program, weights: str, prepares: bool) -> Iterator[str]:
    """A run on zeros that prints the shapes, for whoever starts the file."""
    yield 'if __name__ == "__main__":'
    mode = "" if program.training else ".eval()"
    yield f"    net = {'load()' if weights else f'{program.name}(){mode}'}"
    zeros = [Call(Ref("torch.zeros"), shape or ((),), {}) for shape in program.shapes]
    if len(zeros) > 1:
        yield from statement("inputs = ", Sequence("[]", tuple(zeros)), 4)
    call = Name("net(*inputs)") if len(zeros) > 1 else Call(Name("net"), tuple(zeros), {})
    if isinstance(program.main.result, Mapping):
        yield f"    for blob, value in {call.text()}.items():"
        yield "        print(blob, tuple(value.shape))"
    else:
        yield f"    print(tuple({call.text()}.shape))"
    if weights:
        yield loading.advice(prepares)
