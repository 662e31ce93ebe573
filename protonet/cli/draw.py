"""protonet draw: a net as a picture."""

from __future__ import annotations

from typing import Any

import click

from protonet.cli.nets import NET
from protonet.cli.options import net_options, refuse_own_input
from protonet.cli.outputs import NewFile
from protonet.diagnostics import NetError
from protonet.schema.load import Readable
from protonet.selection import Selection


@click.command()
@click.argument("net", type=NET)
@click.option(
    "-o", "--output", type=NewFile(stdout=True), help="The picture to write. [SVG on stdout]"
)
@net_options
@click.option("--shapes/--no-shapes", "shown", default=True, help="Shapes on the wires. [on]")
@click.option(
    "--collapse",
    type=click.Choice(["blocks", "none"]),
    default="blocks",
    show_default=True,
    help="blocks: what repeats is drawn once, with how often.",
)
@click.option(
    "--direction",
    type=click.Choice(["TB", "LR"], case_sensitive=False),
    default="TB",
    show_default=True,
    help="From top to bottom or from left to right.",
)
@click.option(
    "--layout",
    type=click.Choice(["own", "graphviz"]),
    default="own",
    show_default=True,
    help="own: the same on every machine. graphviz: by the program dot.",
)
def command(
    net: Readable,
    output: str | None,
    shown: bool,
    collapse: str,
    direction: str,
    layout: str,
    selection: Selection,
) -> None:
    """Draw NET; the suffix of the output says how: .svg, .png, .pdf, .html or .dot.

    \b
    protonet draw net.prototxt -o net.svg
    protonet draw train_val.prototxt --phase TRAIN -o net.pdf
    protonet draw net.prototxt --direction LR --collapse none -o net.png

    Activations and layers that work in place are folded into the layer above them. A block that
    repeats, as in ResNet, Inception and DenseNet, is drawn once with how often it does; numbers
    that differ between its copies are given as ranges. An .html is a page to look around in;
    `protonet view --export` makes one that shows each layer's PyTorch as well.
    .png and .pdf need matplotlib: pip install "protonet[draw]".
    """
    from protonet.drawing.compose import Style
    from protonet.drawing.drawing import drawn, suffix
    from protonet.files import write_whole

    if output and (why := _unusable(output, suffix)):
        raise click.UsageError(why)
    refuse_own_input(net, output)
    style = Style(shown, collapse == "blocks", direction == "LR")
    drawing = drawn(net, selection, style, layout)
    if output:
        write_whole(output, drawing.content(suffix(output)))
    else:
        click.echo(drawing.svg, nl=False)


def _unusable(output: str, suffix: Any) -> str:
    """Why a file of that name can't be written; "" where it can."""
    try:
        suffix(output)
    except NetError as error:
        return error.message
    return ""
