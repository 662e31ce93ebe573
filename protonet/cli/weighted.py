"""A compiled net with weights: loaded with a word on what did not match, written as two files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.options import is_one_file
from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.lowering import Lowered
from protonet.plain import plain
from protonet.preparation import Preparation
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.inference.forward import Loader
    from protonet.lowering import Lowered
    from protonet.weights.match import Match


def loader(
    net: str, weights: str, strict: bool, selection: Selection, quiet: bool = False
) -> Loader:
    """A function that loads weights into a module of NET and says on stderr what did not match."""

    def load(module: Any) -> Any:
        from protonet.api import variants
        from protonet.weights.mapping import open_stored
        from protonet.weights.save import load_exactly

        stored = open_stored(module, weights, variants(net, selection))
        matched = load_exactly(module, stored, strict)
        if not quiet:
            tell(matched)
        return matched

    return load


def tell(matched: Match) -> None:
    """Which layers were only in the file, and which only in the net."""
    from protonet.weights.match import listed

    loaded = len({layer.name for layer in matched.layers if layer.blobs})
    click.echo(f"weights for {loaded} layer{'s' if loaded != 1 else ''}", err=True)
    if matched.passed_over:
        click.echo(f"passed over, only in the file: {plain(listed(matched.passed_over))}", err=True)
    if matched.missing:
        names = plain(listed(matched.missing))
        click.echo(f"warning: not in the file, keep their fillers: {names}", err=True)


def beside(output: str, weights: str) -> Path:
    """The file with the weights that goes with a source. NetError where it is one that is read.

    ``weights`` are the files that are read.
    """
    path = Path(output).with_suffix(".safetensors")
    refuse_own_weights(weights, str(path))
    return path


def refuse_own_weights(weights: str, output: str) -> None:
    """NetError where a file that is read would be written over."""
    from protonet.weights.read import split_paths

    for path in split_paths(weights):
        if is_one_file(output, path):
            raise NetError(f"{output} is itself to be read", None, "name another file")


def write_with_weights(
    made: Lowered,
    output: str,
    path: Path,
    load: Loader,
    preparation: Preparation | None = None,
) -> None:
    """Write the source and its weights, and in both how images are prepared."""
    from protonet.program.source import source
    from protonet.runtime.module import instantiate
    from protonet.weights.save import save_state

    net = instantiate(made)
    matched = load(net)
    written = source(made.program, path.name, preparation)
    with replacing(output) as temporary:  # both files or neither
        temporary.write_bytes(written.encode())
        save_state(net, path, matched.layers, preparation)
    click.echo(plain(f"{output}, {path}"), err=True)
