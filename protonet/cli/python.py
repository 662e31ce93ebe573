"""protonet python: a script written for Caffe's Python interface, run as it is."""

from __future__ import annotations

import click

from protonet.cli.engines import engine_option


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@engine_option
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(script: str, arguments: tuple[str, ...], engine: str) -> None:
    """Run SCRIPT with its ARGUMENTS; `import caffe` inside it means protonet's.

    \b
    protonet python classify.py --gpu images/cat.jpg result.npy
    python -m protonet.pycaffe classify.py --gpu images/cat.jpg result.npy
    """
    from protonet.pycaffe.control import set_engine
    from protonet.pycaffe.script import run_script

    set_engine(engine)
    code = run_script(script, arguments)
    if code:
        raise click.exceptions.Exit(code)
