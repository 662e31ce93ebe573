"""protonet compile: a net as a PyTorch file, or run here."""

from __future__ import annotations

from typing import Any

import click

from protonet.cli.options import device_option, net_options, refuse_own_input
from protonet.cli.weighted import beside, loader, write_with_weights
from protonet.files import write_whole

_GRAPH_OPTIONS = ("phase", "stages", "level", "shapes", "allow_python")
_STAGES = ("text", "net", "graph", "torch")


@click.command()
@click.argument("net", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="The Python file to write. [stdout]")
@net_options
@click.option("--outputs", help="Blobs to return, separated by commas. [the net's own outputs]")
@click.option("--weights", help="Weights for it: a.caffemodel[,b] or .h5, .safetensors, .pt.")
@click.option("--strict", is_flag=True, help="Refuse weights that are not exactly the net's.")
@click.option("--faithful", is_flag=True, help="One statement a layer, BatchNorm as Caffe has it.")
@click.option("--stage-dump", type=click.Choice(_STAGES), help="Stop at a stage and print it.")
@click.option("--run", is_flag=True, help="Run a forward pass and time it.")
@device_option
@click.option("--batch", type=click.IntRange(min=1), help="Batch size for --run.")
def command(
    net: str, output: str | None, stage_dump: str | None, run: bool, **options: Any
) -> None:
    """Compile NET, a .prototxt, into PyTorch source that stands alone.

    \b
    protonet compile alexnet.prototxt -o alexnet.py
    protonet compile train_val.prototxt --phase TRAIN --shape data=10x3x227x227
    protonet compile alexnet.prototxt --run --batch 8
    protonet compile deploy.prototxt --weights net.caffemodel -o net.py   # and net.safetensors
    """
    device, batch = options.pop("device"), options.pop("batch")
    weights, strict = options.pop("weights"), options.pop("strict")
    options["shapes"] = dict(options["shapes"])
    names = options["outputs"]
    options["outputs"] = [name.strip() for name in names.split(",")] if names else None
    if stage_dump:
        click.echo(_dump(net, stage_dump, options))
        return
    refuse_own_input(net, output)
    given = weights is not None
    if given and not (output or run):
        raise click.UsageError("--weights are written beside the output: give -o, or --run")
    path = beside(output, weights) if given and output else None
    made, text = _compiled(net, options)
    load = loader(net, weights, strict, options) if given else id
    if path and output:
        text = write_with_weights(made, text, output, path, load)
    elif output:
        write_whole(output, text)
    elif not run:
        click.echo(text, nl=False)
    if run:
        from protonet.cli.run import run_once

        load = loader(net, weights, strict, options, quiet=bool(output)) if given else id
        run_once(made, text, device, batch, load)


def _compiled(net: str, options: dict[str, Any]) -> tuple[Any, str]:
    """The program and its text, with the summary on stderr."""
    from protonet.api import graph, program
    from protonet.cli.table import table
    from protonet.codegen import source

    only = {key: options[key] for key in _GRAPH_OPTIONS}
    click.echo(table(graph(net, **only)), err=True)
    made = program(net, **options)
    return made, source(made)


def _dump(net: str, stage: str, options: dict[str, Any]) -> str:
    from protonet import api
    from protonet.cli.table import table
    from protonet.schema.load import load
    from protonet.schema.select import select
    from protonet.schema.unbind import to_text

    if stage == "text":
        from protonet.cli.fmt import formatted

        return formatted(load(net, "NetParameter")).rstrip("\n")
    if stage == "net":
        phase = options["phase"].upper()
        return to_text(select(api.read(net), phase, options["stages"], options["level"]).message)
    if stage == "graph":
        only = {key: options[key] for key in _GRAPH_OPTIONS}
        return table(api.graph(net, **only))
    return api.emit(net, **options).rstrip("\n")
