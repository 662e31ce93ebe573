"""protonet convert: weights from one kind of file into another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import net_options
from protonet.cli.outputs import NewFile
from protonet.cli.talk import say
from protonet.cli.weighted import refuse_own_weights, tell
from protonet.diagnostics import NetError, raise_all
from protonet.schema.load import Readable
from protonet.selection import Selection
from protonet.weights.mean import SUFFIXES, read_mean, write_mean


@click.command()
@click.argument("weights", type=WEIGHTS)
@click.option("--prototxt", type=NET, help="The net that the weights are for.")
@click.option("-o", "--output", type=NewFile(), required=True, help="The file to write.")
@click.option("--strict", is_flag=True, help="Refuse weights that are not exactly the net's.")
@click.option("--faithful", is_flag=True, help="A state as of compile --faithful.")
@click.option("--flat", is_flag=True, help="A state as of compile --flat.")
@net_options
def command(
    weights: str,
    prototxt: Readable | None,
    output: str,
    strict: bool,
    faithful: bool,
    flat: bool,
    selection: Selection,
) -> None:
    """Convert WEIGHTS into the kind of file that OUTPUT names.

    \b
    protonet convert net.caffemodel --prototxt deploy.prototxt -o net.h5
    protonet convert net.caffemodel --prototxt deploy.prototxt -o net.safetensors
    protonet convert net.pt --prototxt deploy.prototxt -o net.caffemodel
    protonet convert base.caffemodel,new.h5 --prototxt deploy.prototxt -o both.caffemodel
    protonet convert mean.binaryproto -o mean.npy

    \b
    .caffemodel   as Caffe loads it; V0, V1, doubles and half precision are read
    .h5           Caffe's HDF5
    .safetensors  the state of the module that compile writes; .pt is read, with weights only

    What WEIGHTS is, its content says. A .caffemodel needs no prototxt to become a .h5, nor a
    .safetensors that protonet wrote to become either of them.
    """
    from protonet.weights.save import suffix_of

    is_mean = Path(output).suffix.lower() in SUFFIXES
    if not is_mean:
        suffix_of(output)
    refuse_own_weights(weights, output)
    if is_mean:
        write_mean(output, read_mean(weights))
    else:
        _convert(
            weights, prototxt, output, strict, replace(selection, faithful=faithful, flat=flat)
        )
    say(f"wrote {output}")


def _convert(
    weights: str,
    prototxt: Readable | None,
    output: str,
    strict: bool,
    selection: Selection,
) -> None:
    from protonet.weights.save import WRITERS, suffix_of

    suffix = suffix_of(output)
    if prototxt is None:
        _convert_alone(weights, output, suffix)
    elif suffix == ".safetensors":
        _write_state(weights, prototxt, output, strict, selection)
    else:
        from protonet.api import graph_of, variants
        from protonet.weights.convert import gather
        from protonet.weights.read import open_weights, split_paths

        net = graph_of(prototxt, selection)
        forms = variants(prototxt, selection)
        stored = [open_weights(path, forms) for path in split_paths(weights)]
        gathered = gather(stored, net, strict)
        tell(gathered.match)
        both = gathered.blobs, gathered.diffs
        WRITERS[suffix](output, net.definition, *both, encoding=net.encoding)


def _convert_alone(weights: str, output: str, suffix: str) -> None:
    """A caffemodel that brings its own net, or a state that tells it."""
    from protonet.schema.load import load
    from protonet.schema.upgrade import upgrade
    from protonet.weights.caffemodel import definition
    from protonet.weights.match import listed
    from protonet.weights.read import open_weights
    from protonet.weights.save import WRITERS
    from protonet.weights.stored import as_dict

    stored = open_weights(weights)
    if suffix == ".safetensors" or not stored.skeleton:
        what = f"{weights} does not say what its layers are"
        what = what if not stored.skeleton else "a module's state has the names of a compiled net"
        raise NetError(what, None, "name the net: --prototxt deploy.prototxt")
    if stored.lacking:
        raise NetError(f"{weights}: the net's {listed(stored.lacking)} is not there")
    stated, encoding = definition(stored)
    net = upgrade(load(stated))
    raise_all(net.errors)
    WRITERS[suffix](output, net.message, as_dict([stored]), encoding=encoding)


def _write_state(
    weights: str, prototxt: Readable, output: str, strict: bool, selection: Selection
) -> None:
    """Through the module itself, whose state it is."""
    from protonet.api import lowered
    from protonet.cli.weighted import loader
    from protonet.runtime.module import instantiate
    from protonet.weights.match import listed
    from protonet.weights.save import save_state

    net = instantiate(lowered(prototxt, selection))
    matched = loader(prototxt, weights, strict, selection)(net)
    if matched.missing:
        raise NetError(f"{weights}: the net's {listed(matched.missing)} is not there")
    save_state(net, output, matched.layers)
