"""protonet show: what each layer of a net gives out, and what it costs."""

from __future__ import annotations

import click

from protonet.cli.nets import NET
from protonet.cli.options import net_options
from protonet.cli.talk import say, talk
from protonet.schema.load import Readable
from protonet.selection import Selection

_SCREEN = 40  # lines of a table that a screen has room for


@click.command()
@click.argument("net", type=NET)
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "markdown", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv have plain numbers: elements and bytes.",
)
@click.option(
    "--depth",
    type=click.Choice(["1", "2", "3"]),
    help="1: rows of repeated blocks, 2: layers with their activations, 3: every layer. "
    "[a table as deep as fits on a screen, else 3]",
)
@net_options
def command(net: Readable, style: str, depth: str | None, selection: Selection) -> None:
    """Print every layer of NET: output shape, parameters, multiply-adds, memory, field.

    \b
    protonet show net.prototxt
    protonet show resnet50 --depth 3    # every layer, as -v does
    protonet show net.prototxt --shape data=1x3x224x224 --format markdown
    protonet show train_val.prototxt --phase TRAIN --format csv > net.csv

    \b
    parameters     learned elements; shared ones count once, BatchNorm's statistics not
    multiply-adds  of convolutions and matrix products, one forward pass over the batch
    forward        memory of the layer's outputs; in the last line the peak: the most that is
                   alive at once when every value goes after its last reader
    training       memory that autograd keeps for the backward pass because of this layer
    field          receptive field: the pixels of the input that one element looks at

    Memory is that of activations in single precision; parameters are not in it.
    """
    from protonet.api import graph_of
    from protonet.cli.report import FORMATS
    from protonet.graph.cost import costs
    from protonet.graph.fold import LAYERS, fitting, folded

    cost = costs(graph_of(net, selection))
    whole = style != "table" or talk().verbose
    chosen = int(depth) if depth else LAYERS if whole else fitting(cost, _SCREEN)
    click.echo(FORMATS[style](folded(cost, chosen)))
    if chosen != LAYERS and not depth:
        say("folded to fit on a screen; --depth 3 shows every layer")
