"""protonet train: a solver's run, as caffe train."""

from __future__ import annotations

from typing import Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import allow_python_option, device_option, plugin_option
from protonet.cli.talk import talk
from protonet.schema.load import Readable

EFFECTS = click.Choice(["stop", "snapshot", "none"])


@click.command()
@click.argument("solver", required=False, type=NET)
@click.option("-solver", "--solver", "stated", type=NET, hidden=True)
@click.option(
    "-weights", "--weights", type=WEIGHTS, help="Caffemodels to start from, separated by commas."
)
@click.option("-snapshot", "--snapshot", type=click.Path(), help="A solver state to resume.")
@device_option
@click.option("-gpu", "--gpu", help="GPUs, as 0 or 0,1 or all; several train together.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32")
@click.option("--compile", "compiled", is_flag=True, help="Run the net through torch.compile.")
@click.option(
    "--log",
    "--log-format",
    "log",
    type=click.Choice(["auto", "caffe", "rich", "json", "none"]),
    default="auto",
    help="What is told; torchrun keeps --log for itself, there it is --log-format.",
)
@click.option("--tensorboard", type=click.Path(), metavar="DIR", help="Write scalars there.")
@click.option("-stage", "--stage", "stages", help="Stages of the training net, with commas.")
@click.option("-level", "--level", type=int, help="Level of the training net.")
@click.option("-sigint_effect", "--sigint", type=EFFECTS, default="stop", show_default=True)
@click.option("-sighup_effect", "--sighup", type=EFFECTS, default="snapshot", show_default=True)
@click.option("--sigterm", type=EFFECTS, default="stop", show_default=True)
@allow_python_option
@plugin_option
def command(
    solver: Readable | None, stated: Readable | None, gpu: str | None, **options: Any
) -> None:
    """Train the net that SOLVER, a .prototxt, names; caffe's own options work too.

    \b
    protonet train solver.prototxt
    protonet train solver.prototxt --weights pretrained.caffemodel
    protonet train solver.prototxt --snapshot lenet_iter_5000.solverstate
    protonet train -solver solver.prototxt -gpu 0,1
    torchrun --nproc-per-node 4 -m protonet train solver.prototxt

    Ctrl-C and SIGTERM write a snapshot and stop, with exit code 130 and 143; a second one stops at
    once. SIGHUP writes a snapshot and goes on. On a terminal a line shows the progress; on a pipe
    come Caffe's log lines, for parse_log.py and `protonet plot`.
    """
    path = _solver(solver, stated)
    from protonet.training.parallel import summarised

    with summarised():
        stopped = _train(path, gpu, **options)
    if stopped:
        raise click.exceptions.Exit(128 + stopped)


def _train(path: Readable, gpu: str | None, **options: Any) -> int:
    """Train; the number of the signal that stopped it, or 0."""
    from protonet.training.parallel import told_once
    from protonet.training.plan import plan
    from protonet.training.session import train

    device = options.pop("device")
    if talk().quiet and options["log"] == "auto":
        options["log"] = "none"
    if gpu is not None:
        device = _gpus(gpu, device)
    stages = options.pop("stages")
    effects = {f"SIG{name.upper()}": options.pop(f"sig{name}") for name in ("int", "hup", "term")}
    weights = options.pop("weights")
    with told_once():
        made = plan(path, stages.split(",") if stages else (), options.pop("level") or 0)
    trained = train(
        made,
        weights=() if weights is None else weights,
        device=device,
        compile=options.pop("compiled"),
        effects=effects,
        **options,
    )
    return trained.signal


def _solver(solver: Readable | None, stated: Readable | None) -> Readable:
    if (solver is None) == (stated is None):
        raise click.UsageError("give one solver, as in: protonet train solver.prototxt")
    return solver or stated or ""


def _gpus(gpus: str, device: str) -> str:
    """Choose a GPU; where several are named, train on all of them, a process each."""
    import torch

    from protonet.device import refuse_absent
    from protonet.training.parallel import is_joined, relaunch

    if device == "cpu":
        raise click.UsageError("-gpu and --device cpu exclude each other")
    if is_joined():
        return "cuda"
    try:
        wanted = (
            list(range(torch.cuda.device_count()))
            if gpus == "all"
            else [int(n) for n in gpus.split(",")]
        )
    except ValueError:
        raise click.UsageError(f"-gpu takes numbers, as 0 or 0,1, or all; not {gpus!r}") from None
    refuse_absent(wanted)
    if len(wanted) > 1:
        relaunch(wanted)
    torch.cuda.set_device(wanted[0])
    return "cuda"
