"""protonet plot: a picture of training logs."""

from __future__ import annotations

import os

import click

from protonet.cli.outputs import NewFile


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path())
@click.option("-o", "--output", required=True, type=NewFile(), help="A .png, .svg or .pdf.")
def command(logs: tuple[str, ...], output: str) -> None:
    """Draw loss, accuracy and learning rate of LOGS over their iterations.

    LOGS are what `protonet train` wrote, or Caffe's own.

    \b
    protonet train solver.prototxt 2>&1 | tee train.log
    protonet plot train.log -o loss.png
    protonet plot one.log other.log -o both.svg
    """
    from protonet.training.curves import draw, read_log

    names = [os.path.splitext(os.path.basename(path))[0] for path in logs]
    unique = names if len(set(names)) == len(names) else list(logs)
    draw({name: read_log(path) for name, path in zip(unique, logs, strict=True)}, output)
