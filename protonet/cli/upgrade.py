"""protonet upgrade: an old definition or .caffemodel in the form of Caffe 1.0."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from protonet.cli.nets import NET, shown
from protonet.cli.outputs import NewFile, refuse_other_kinds
from protonet.cli.talk import say
from protonet.diagnostics import NetError, Source, raise_all
from protonet.files import write_whole
from protonet.reading import reading
from protonet.schema.comments import notes
from protonet.schema.load import Loaded, open_source
from protonet.schema.named import by_name
from protonet.schema.sniff import foreign, kind_of
from protonet.schema.unbind import Notes, to_text


@click.command()
@click.argument("file", type=NET)
@click.option(
    "-o", "--output", type=NewFile(stdout=True), help="The file to write. [stdout for text]"
)
def command(file: str | Source, output: str | None) -> None:
    """Write FILE, an old .prototxt or .caffemodel, in the form of Caffe 1.0.

    V0 and V1 layers, `input` with its shapes, fields of data and BatchNorm layers that have moved,
    a solver's solver_type: what Caffe's own upgrade tools write, the numbers bit for bit, and the
    comments with them.

    \b
    protonet upgrade old.prototxt -o new.prototxt
    protonet upgrade old_solver.prototxt
    protonet upgrade old.caffemodel -o new.caffemodel
    protonet upgrade old.caffemodel -o definition.prototxt    # without the weights
    """
    name = shown(file)
    if isinstance(file, str) and not os.path.lexists(file) and by_name(file, "NetParameter"):
        file = open_source(file)
    head = _head(file)
    if isinstance(file, Source) or kind_of(head) == "text" or not head:
        what, hint = foreign(head) or ("a text", None)
        if output and output.lower().endswith((".caffemodel", ".h5", ".hdf5")):
            raise NetError(f"{name} is {what}, it has no weights for {output}", None, hint)
        _refuse(output, "a text", (".prototxt",), "a text: -o new.prototxt")
        old, new = _upgraded_text(file)
        _write_text(new.message, output, new.encoding, notes(new.message, new.sourcemap))
    else:
        old, new = _upgrade_binary(file, output)
    found = ", ".join(dict.fromkeys(_old_forms(old)))
    told = f"upgraded: {found}" if found else f"{name} is in today's form already"
    say(told)


def _refuse(output: str | None, writes: str, own: tuple[str, ...], such: str) -> None:
    if output:
        refuse_other_kinds(output, "upgrade", writes, own, such)


def _head(file: str | Source) -> bytes:
    """The first bytes of a file, which tell a text from a binary file."""
    if isinstance(file, Source):
        return file.text[:4096].encode(file.encoding)
    with reading(file, "can't be read", None), Path(file).open("rb") as opened:
        return opened.read(4096)


def _upgraded_text(file: str | Source) -> tuple[Any, Loaded]:
    """The message of a net or a solver as it was, and what was read of it as it is today."""
    from protonet.schema.load import load_any
    from protonet.schema.upgrade import upgrade, upgrade_solver

    loaded = load_any(file)
    raise_all(loaded.errors)
    if loaded.message.DESCRIPTOR.name == "SolverParameter":
        return loaded.message, upgrade_solver(loaded)
    new = upgrade(loaded, keep_inputs=False)
    raise_all(new.errors)
    return loaded.message, new


def _write_text(
    message: Any, output: str | None, encoding: str = "utf-8", comments: Notes | None = None
) -> None:
    text = to_text(message, comments).encode(encoding)
    if output:
        write_whole(output, text)
    else:
        click.echo(text, nl=False)


def _upgrade_binary(file: str, output: str | None) -> tuple[Any, Any]:
    """Write a caffemodel anew, its blobs as they are; or its definition alone."""
    import numpy as np

    from protonet.schema.blobs import open_content
    from protonet.schema.load import load
    from protonet.schema.upgrade import upgrade
    from protonet.weights.caffemodel import definition, read_caffemodel, write_caffemodel

    if output is None:
        raise click.UsageError("a .caffemodel is no text: name the file to write by -o")
    own = (".caffemodel", ".prototxt")
    _refuse(output, "weights or a definition", own, "-o new.caffemodel or -o definition.prototxt")
    stored = read_caffemodel(open_content(file))
    old, encoding = definition(stored)
    new = upgrade(load(old), keep_inputs=False).message
    if output.lower().endswith((".prototxt", ".txt")):
        _write_text(new, output, encoding)
        return old, new
    blobs = {layer.name: [np.asarray(blob) for blob in layer.blobs] for layer in stored.layers}
    kept = {name: given for name, given in blobs.items() if given}
    write_caffemodel(output, new, kept, encoding=encoding)
    return old, new


def _old_forms(message: Any) -> Iterator[str]:
    """What of a message is not in today's form."""
    if message.DESCRIPTOR.name == "SolverParameter":
        if message.HasField("solver_type"):
            yield "solver_type"
        return
    from protonet.schema.upgrade_data import moved_fields

    for layer in message.layers:
        yield "V0 layers" if layer.HasField("layer") else "V1 layers"
    if len(message.input):
        yield "input fields"
    for layer in message.layers:
        yield from moved_fields(layer)
    for layer in message.layer:
        specs = layer.param if layer.type == "BatchNorm" and len(layer.param) == 3 else ()
        if any(spec.lr_mult or spec.decay_mult for spec in specs):
            yield "BatchNorm's param"
