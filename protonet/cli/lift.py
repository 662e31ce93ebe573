"""protonet lift: a PyTorch module as prototxt and caffemodel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from protonet.cli.nets import FileOption, choices
from protonet.cli.outputs import NewFile, refuse_unwritable
from protonet.cli.talk import detail, say, step
from protonet.diagnostics import NetError
from protonet.plain import plain
from protonet.shape import show

if TYPE_CHECKING:
    from protonet.lifting.captured import Captured
    from protonet.lifting.report import Lifted


class InputOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``1x3x224x224`` as a shape; with ``:int`` behind it, of whole numbers."""

    name = "NxCxHxW[:int]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[int, ...], bool]:
        sizes, _, kind = str(value).partition(":")
        try:
            shape = tuple(int(n) for n in sizes.split("x"))
        except ValueError:
            shape = ()
        if not shape or min(shape) < 1 or kind not in ("", "int", "float"):
            self.fail(f"{value!r} is no input; write it as 1x3x224x224", param, ctx)
        return shape, kind == "int"


def _dialects() -> tuple[str, ...]:
    from protonet.lifting.dialects import DIALECTS

    return tuple(DIALECTS)


@click.command()
@click.argument("model", type=FileOption(".pt2", ".py"))
@click.option("-o", "--output", required=True, type=NewFile(), help="The .prototxt to write.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=InputOption(),
    help="Sizes of an argument of forward, in their order. May be repeated.",
)
@click.option(
    "--dialect",
    default="bvlc",
    show_default=True,
    shell_complete=choices(_dialects),
    help="What is to read the files: bvlc, master, ssd, nnie, tensorrt, armnn.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=1e-4,
    show_default=True,
    help="How far values may differ.",
)
@click.option("--keep", is_flag=True, help="Keep files that are not equal.")
def command(
    model: str,
    output: str,
    inputs: tuple[tuple[tuple[int, ...], bool], ...],
    dialect: str,
    tolerance: float,
    keep: bool,
) -> None:
    """Write the PyTorch module MODEL as Caffe's prototxt and caffemodel.

    \b
    protonet lift model.pt2 -o net.prototxt                  a program of torch.export.save
    protonet lift my_models.py:make_net --input 1x3x224x224 -o net.prototxt

    A .pt2 holds no code, and nothing in it is unpickled. The second form runs your file and calls
    make_net(), which returns an nn.Module.

    The files are compiled back and run beside the module, on its example and on random numbers,
    and every blob is compared; where one differs there are no files, but an error. What can't be
    said in Caffe is told all at once, each with its line of Python.
    """
    from protonet.lifting.dialects import dialect_of
    from protonet.lifting.lift import lifted

    _refuse_output(output)
    target = dialect_of(dialect)
    with step("capturing"):
        source, name = _source(model, inputs)
    with step("lifting"):
        made = lifted(source, name, output, target, tolerance, keep)
    detail("\n".join(plain(f"{layer}  {kind}") for layer, kind in made.layers))
    for line in told(made, target.title):
        say(line)


def _refuse_output(output: str) -> None:
    path = Path(output)
    if path.suffix != ".prototxt":
        hint = f"the weights go beside it, as .caffemodel: -o {path.with_suffix('.prototxt')}"
        raise NetError(f"{output} is no .prototxt", None, hint)
    refuse_unwritable(path.with_suffix(".caffemodel"))


def _source(model: str, inputs: tuple[tuple[tuple[int, ...], bool], ...]) -> tuple[Captured, str]:
    """What is to be written, and the net's name."""
    if model.endswith(".pt2"):
        from protonet.lifting.saved import read_program

        if inputs:
            raise click.UsageError("a .pt2 has its own sizes; leave --input out")
        return read_program(model), Path(model).stem
    import torch

    from protonet.lifting.captured import captured
    from protonet.lifting.opened import opened

    module = opened(model)
    if not inputs:
        raise click.UsageError("forward needs sizes: --input 1x3x224x224, one for each argument")
    random = torch.Generator().manual_seed(0)
    example = [
        torch.randint(0, 2, shape, generator=random)
        if whole
        else torch.randn(shape, generator=random)
        for shape, whole in inputs
    ]
    return captured(module, example), type(module).__name__


def told(made: Lifted, reader: str) -> tuple[str, ...]:
    """What was written, and how it was proven."""
    from protonet.drawing.words import amount

    layers = f"{len(made.layers)} layer{'s' if len(made.layers) != 1 else ''}"
    files = f"wrote {made.prototxt} ({layers})"
    files += f" and {made.caffemodel} ({amount(made.parameters)} parameters) for {reader}"
    ends = [
        ", ".join(f"{blob} {show(shape)}" for blob, shape in ends.items())
        for ends in (made.inputs, made.outputs)
    ]
    blobs = f"in {made.compared} blobs"
    if made.unequal:
        blobs = f"in {made.unequal} of {made.compared} blobs"
    word = "warning: NOT equal" if made.unequal else "equal"
    proof = f"{word} {blobs} on {made.trials} inputs, by {made.difference:.1e}"
    if made.difference:
        proof += f" at {made.worst}"
    if made.rounding:
        proof += f"; the module's own rounding is up to {made.rounding:.1e}, and there both were"
        proof += " computed in double precision"
    return files, " -> ".join(ends), proof
