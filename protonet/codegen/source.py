"""From a program to the text of a Python file that stands alone."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator

from protonet.codegen import loading
from protonet.codegen.defaults import without_defaults
from protonet.codegen.layout import WIDTH, statement
from protonet.codegen.write import Program
from protonet.program.expr import Call, Mapping, Name, Ref, Sequence, wrap

_USED = {
    "np": "import numpy as np",
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
}


def source(program: Program) -> str:
    """The file: imports, helpers, the class, and a trial run under ``python net.py``.

    Where the program has weights, also a function that loads them.
    """
    _shorten(program)
    parts = [*_helpers(program), *_table(program), _class(program)]
    if program.weights:
        parts = [loading.constant(program), *parts, loading.function(program)]
    body = "\n\n\n".join([*parts, _main(program)])
    doc = _docstring(program.doc)
    between = "\n\n" if program.weights else "\n\n\n"
    return f"{doc}\n\n{_imports(body, program)}{between}{body}\n"


def _shorten(program: Program) -> None:
    helpers = {helper.__name__: helper for helper in program.helpers}
    values = (expr for _, expr in (*program.modules, *program.statements))
    for expr in (*values, *program.fills):
        without_defaults(expr, helpers)


def _docstring(text: str) -> str:
    """A docstring of one line; a name from a file is text, never code."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    safe = plain.replace("\\", "/").replace('"', "'").strip()
    return f'"""{safe[: WIDTH - 6].strip()}"""'


def _imports(body: str, program: Program) -> str:
    """Imports of what the code uses, in the order that the formatter's users expect."""
    code = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', body)
    own = [
        name for name in ("importlib", "math", "sys", "types") if re.search(rf"\b{name}\.", code)
    ]
    first = [f"import {name}" for name in own]
    first += [loading.STANDARD] if program.weights else []
    first += ["from typing import Any"] if re.search(r"\bAny\b", code) else []
    then = [line for name, line in _USED.items() if re.search(rf"\b{name}\.", code)]
    then += [loading.THIRD_PARTY] if program.weights else []
    last = [f"import {module}" for module in program.imports]
    groups = (first, [*then, "from torch import nn"], last)
    return "\n\n".join("\n".join(group) for group in groups if group)


def _helpers(program: Program) -> Iterator[str]:
    for helper in program.helpers:
        yield textwrap.dedent(inspect.getsource(helper)).rstrip()


def _table(program: Program) -> Iterator[str]:
    """The layers' names in Caffe, where one of them could not be kept."""
    if any(name != attribute for name, attribute in program.layers.items()):
        names = Mapping({name: wrap(attribute) for name, attribute in program.layers.items()})
        yield "\n".join(["# Caffe's name of each layer.", *statement("LAYERS = ", names, 0)])


def _class(program: Program) -> str:
    lines = [f"class {program.name}(nn.Module):", "    def __init__(self):"]
    lines.append("        super().__init__()")
    for attribute, call in program.modules:
        lines += statement(f"self.{attribute} = ", call, 8)
    lines += [f"        {target} = {owner}" for target, owner in program.shares]
    lines += [f"        {name}.requires_grad_(False)" for name in program.frozen]
    if program.fills:
        lines += ["        self.reset_parameters()", "", "    def reset_parameters(self):"]
        for fill in program.fills:
            lines += statement("", fill, 8)
    lines += _move(program)
    lines += ["", *_signature(program.arguments)]
    for index, (target, expr) in enumerate(program.statements):
        lines += statement(f"{target} = ", expr, 8)
        lines += [f"        del {names}" for names in _rows(program.frees.get(index, []))]
    assert program.result is not None
    lines += statement("return ", program.result, 8)
    return "\n".join(lines)


def _move(program: Program) -> list[str]:
    """What keeps shared buffers one: torch moves and casts each buffer by itself."""
    if not program.moved:
        return []
    lines = [
        "",
        "    def _apply(self, *args, **kwargs):",
        "        super()._apply(*args, **kwargs)",
    ]
    lines += [f"        {target} = {owner}" for target, owner in program.moved]
    return [*lines, "        return self"]


def _rows(names: list[str]) -> list[str]:
    """Names joined by commas, as many as fit on a line."""
    rows: list[str] = []
    for name in names:
        if rows and len(rows[-1]) + len(name) + 14 <= WIDTH:
            rows[-1] += f", {name}"
        else:
            rows.append(name)
    return rows


def _signature(arguments: list[str]) -> list[str]:
    flat = f"    def forward({', '.join(['self', *arguments])}):"
    if len(flat) <= WIDTH:
        return [flat]
    together = " " * 8 + ", ".join(["self", *arguments])
    inner = (
        [together] if len(together) <= WIDTH else [f"        {a}," for a in ["self", *arguments]]
    )
    return ["    def forward(", *inner, "    ):"]


def _main(program: Program) -> str:
    """A run on zeros that prints the shapes, for whoever starts the file."""
    lines = ['if __name__ == "__main__":']
    mode = "" if program.training else ".eval()"
    made = "load()" if program.weights else f"{program.name}(){mode}"
    lines.append(f"    net = {made}")
    zeros = [Call(Ref("torch.zeros"), shape or ((),), {}) for shape in program.shapes]
    if len(zeros) > 1:
        lines += statement("inputs = ", Sequence("[]", tuple(zeros)), 4)
    call = Name("net(*inputs)") if len(zeros) > 1 else Call(Name("net"), tuple(zeros), {})
    if isinstance(program.result, Mapping):
        lines.append(f"    for blob, value in {call.text()}.items():")
        lines.append("        print(blob, tuple(value.shape))")
    else:
        lines.append(f"    print(tuple({call.text()}.shape))")
    lines += [loading.advice()] if program.weights else []
    return "\n".join(lines)
