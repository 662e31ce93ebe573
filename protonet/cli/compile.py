"""protonet compile: a net as a PyTorch file, or run here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import device_option, net_options, refuse_own_input
from protonet.cli.outputs import NewFile, refuse_other_kinds
from protonet.cli.preparing import preparation_options, told_preparation
from protonet.cli.talk import detail, say, step
from protonet.cli.verifying import refuse_unverifiable, verified, verify_option
from protonet.cli.weighted import beside, loader, write_with_weights
from protonet.files import write_whole
from protonet.graph import Graph
from protonet.lowering import Lowered
from protonet.plain import plain
from protonet.program.source import source
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.inference.forward import Loader
    from protonet.preparation import Preparation

_STAGES = ("text", "net", "graph", "torch")


@click.command()
@click.argument("net", type=NET)
@click.option(
    "-o", "--output", type=NewFile(stdout=True), help="The Python file to write. [stdout]"
)
@net_options
@click.option("--outputs", help="Blobs to return, separated by commas. [the net's own outputs]")
@click.option(
    "--weights", type=WEIGHTS, help="Weights for it: a.caffemodel[,b] or .h5, .safetensors, .pt."
)
@verify_option
@click.option("--strict", is_flag=True, help="Refuse weights that are not exactly the net's.")
@preparation_options
@click.option("--faithful", is_flag=True, help="One statement a layer, BatchNorm as Caffe has it.")
@click.option("--flat", is_flag=True, help="One class with every layer in it, no blocks.")
@click.option("--stage-dump", type=click.Choice(_STAGES), help="Stop at a stage and print it.")
@click.option("--table", is_flag=True, help="Print what each layer costs, as show does.")
@click.option("--run", is_flag=True, help="Run a forward pass and time it.")
@device_option
@click.option("--batch", type=click.IntRange(min=1), help="Batch size for --run.")
def command(
    net: Readable,
    output: str | None,
    stage_dump: str | None,
    run: bool,
    selection: Selection,
    **options: Any,
) -> None:
    """Compile NET, a .prototxt, into PyTorch source that stands alone.

    How images are prepared (--mean, --scale, --raw-scale, --rgb, --resize, --short-side, or what
    a data layer states) is written as its function preprocess, and beside its weights for `run`.

    \b
    protonet compile alexnet.prototxt -o alexnet.py
    protonet compile resnet50.prototxt --flat   # without a class for what repeats
    protonet compile train_val.prototxt --phase TRAIN --shape data=10x3x227x227
    protonet compile alexnet.prototxt --run --batch 8
    protonet compile deploy.prototxt --weights net.caffemodel -o net.py   # and net.safetensors
    protonet compile deploy.prototxt --weights net.caffemodel -o net.py --mean 104,117,123
    protonet compile deploy.prototxt --weights net.caffemodel --verify cat.jpg
    """
    selection = _form(selection, **options)
    if stage_dump:
        click.echo(_dump(net, stage_dump, selection))
        return
    refuse_own_input(net, output)
    _compile(net, output, run, selection, options)


def _compile(
    net: Readable, output: str | None, run: bool, selection: Selection, options: dict[str, Any]
) -> None:
    """Compile the net and write it, with its weights where there are some, and run it."""
    weights, strict = options["weights"], options["strict"]
    if output:
        refuse_other_kinds(output, "compile", "Python", (".py",), "a Python file: -o net.py")
    given = weights is not None
    verify = options["verify"]
    if given and not (output or run or verify is not None):
        raise click.UsageError("--weights are written beside the output: give -o, or --run")
    if verify is not None:
        refuse_unverifiable(given, selection.phase)
    path = beside(output, weights) if given and output else None
    built, made = _compiled(net, selection, table=options["table"])
    prepared = told_preparation(net, selection, made.graph, weights, options)
    load = loader(net, weights, strict, selection, quiet=bool(output)) if given else id
    if verify is not None:
        loading = partial(loader, net, weights, strict, quiet=True)
        verified(made, net, selection, loading, prepared, verify)
    if output:
        _write(built, made, output, path, load, prepared)
    elif not (run or given):
        click.echo(source(made.program, preparation=prepared), nl=False)
    if run:
        _run(made, options["device"], options["batch"], load)


def _form(
    selection: Selection, outputs: str | None, faithful: bool, flat: bool, **_: Any
) -> Selection:
    """The selection in the form that the options ask for."""
    if faithful and flat:
        raise click.UsageError("--faithful is flat already: give one of the two")
    names = tuple(name.strip() for name in outputs.split(",")) if outputs else None
    return replace(selection, outputs=names, faithful=faithful, flat=flat)


def _compiled(net: Readable, selection: Selection, *, table: bool) -> tuple[Graph, Lowered]:
    """The net's graph and program; on stderr its table, where that is wanted."""
    from protonet.api import graph_of, lowered
    from protonet.cli.table import table as text

    with step("graph"):
        built = graph_of(net, selection)
    with step("program"):
        made = lowered(net, selection, built)
    if table:
        click.echo(text(built), err=True)
    else:
        detail(text(built))
    return built, made


def _write(
    graph: Graph,
    made: Lowered,
    output: str,
    path: Path | None,
    load: Loader,
    prepared: Preparation | None,
) -> None:
    """Write the source, and the weights to ``path``; a line says what the net holds."""
    from protonet.drawing.words import amount
    from protonet.graph.cost import costs

    size = f"{amount(costs(graph).parameters)} parameters"
    if path:
        write_with_weights(made, output, path, load, size, prepared)
    else:
        write_whole(output, source(made.program, preparation=prepared))
        say(f"wrote {output} ({size})")


def _run(made: Lowered, device: str, batch: int | None, load: Any) -> None:
    """Run and time the net; its outputs and the median time."""
    from protonet.inference.forward import PASSES, timed_pass
    from protonet.layers.base import show

    found = timed_pass(made, device, batch, load)
    for blob, value in found.blobs.items():
        shown = show(tuple(value.shape)) if value.dim() else f"{value.item():.6g}"
        click.echo(f"{plain(blob)}: {shown}")
    milliseconds = f"{found.milliseconds:.2f} ms"
    click.echo(f"forward: {milliseconds} (median of {PASSES}, {found.where})")


def _dump(net: Readable, stage: str, selection: Selection) -> str:
    from protonet import api
    from protonet.cli.table import table
    from protonet.schema.load import load
    from protonet.schema.unbind import to_text

    if stage == "text":
        from protonet.cli.fmt import formatted

        return formatted(load(net, "NetParameter")).rstrip("\n")
    if stage == "net":
        return to_text(api.selected(net, selection).message)
    if stage == "graph":
        return table(api.graph_of(net, selection))
    return source(api.lowered(net, selection).program).rstrip("\n")
