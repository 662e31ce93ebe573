"""A compiled net with weights: loaded with a word on what did not match, written as two files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from protonet.diagnostics import NetError
from protonet.files import write_whole

Loader = Callable[[Any], Any]


def loader(
    net: str, weights: str, strict: bool, options: dict[str, Any], quiet: bool = False
) -> Loader:
    """A function that loads weights into a module of NET and says on stderr what did not match."""

    def load(module: Any) -> Any:
        from protonet.api import program
        from protonet.weights.mapping import open_stored
        from protonet.weights.save import load_exactly
        from protonet.weights.state import variant

        other = {**options, "faithful": not options["faithful"]}
        stored = open_stored(module, weights, lambda: [variant(program(net, **other))])
        matched = load_exactly(module, stored, strict)
        if not quiet:
            tell(matched)
        return matched

    return load


def tell(matched: Any) -> None:
    """Which layers were only in the file, and which only in the net."""
    from protonet.weights.match import listed

    loaded = sum(bool(layer.blobs) for layer in matched.layers)
    click.echo(f"weights for {loaded} layer{'s' if loaded != 1 else ''}", err=True)
    if matched.passed_over:
        click.echo(f"passed over, only in the file: {listed(matched.passed_over)}", err=True)
    if matched.missing:
        names = listed(matched.missing)
        click.echo(f"warning: not in the file, keep their fillers: {names}", err=True)


def write_with_weights(program: Any, text: str, output: str, load: Loader) -> str:
    """Write the source and, beside it, its weights; the text that was written."""
    from protonet.codegen import instantiate, source
    from protonet.weights.save import save_state

    path = Path(output).with_suffix(".safetensors")
    if path == Path(output):
        raise NetError(f"{output} is a name for weights", None, "name a Python file: -o net.py")
    net = instantiate(program, text)
    matched = load(net)
    program.weights = path.name
    written = source(program)
    save_state(net, path, matched.layers)
    write_whole(output, written)
    click.echo(f"{output}, {path}", err=True)
    return text
