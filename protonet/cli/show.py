"""protonet show: what each layer of a net gives out, and what it costs."""

from __future__ import annotations

import click

from protonet.cli.options import net_options
from protonet.selection import Selection


@click.command()
@click.argument("net", type=click.Path())
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "markdown", "json", "csv"]),
    default="table",
    show_default=True,
    help="json and csv have plain numbers: elements and bytes.",
)
@net_options
def command(net: str, style: str, selection: Selection) -> None:
    """Print every layer of NET: output shape, parameters, multiply-adds, memory, field.

    \b
    protonet show net.prototxt
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

    click.echo(FORMATS[style](costs(graph_of(net, selection))))
