"""protonet time: a net's time, layer by layer, as caffe time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from protonet.cli.engines import engine_of, engine_option, refuse_others
from protonet.cli.nets import NET
from protonet.cli.options import device_option, fast_options, net_options
from protonet.cli.table import LONGEST
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection


@click.command(context_settings={"default_map": {"phase": "TRAIN"}})
@click.argument("net", required=False, type=NET)
@click.option("-model", "--model", type=NET, hidden=True)
@click.option("-iterations", "--iterations", type=click.IntRange(min=1), default=50)
@click.option("--compare", type=NET, metavar="OTHER", help="Another net, side by side.")
@device_option
@click.option("-gpu", "--gpu", type=int, help="The GPU to use.")
@engine_option
@fast_options
@net_options
def command(
    net: Readable | None, model: Readable | None, selection: Selection, **options: Any
) -> None:
    """Time NET forward and backward, each layer alone and the whole compiled net.

    The batch is the net's own data where that is there, else random numbers. With --engine
    onnxruntime its forward pass stands below, too, and the phase is TEST.

    \b
    protonet time train_val.prototxt --iterations 50
    protonet time deploy.prototxt --compare other.prototxt
    protonet time deploy.prototxt --engine onnxruntime
    protonet time deploy.prototxt --phase TEST --optimize
    protonet time train_val.prototxt --shape data=10x3x227x227
    """
    if (net is None) == (model is None):
        raise click.UsageError("give one net, as in: protonet time deploy.prototxt")
    form = options["optimize"], options["through_compile"]
    if any(form) and selection.phase != "TEST":
        raise click.UsageError("--optimize and --compile are for inference: add --phase TEST")
    import torch

    from protonet.device import pick
    from protonet.training.timing import rows

    refuse_others(options)
    device = pick(options["device"], options["gpu"])
    engine, iterations, compare = (options[key] for key in ("engine", "iterations", "compare"))
    if engine != "torch":
        selection = _without_training(selection)
    first = _timed(net or model or "", device, selection, iterations, engine, form)
    other = _timed(compare, device, selection, iterations, engine, form) if compare else None
    heads = ["layer", "type", "forward ms", "backward ms"]
    heads += ["forward ms", "backward ms", "times as long"] if other else []
    _table([heads, *rows(first, other)])
    threads = torch.get_num_threads()
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{threads} threads"
    click.echo(f"mean of {iterations} iterations, {device.type}, {where}")


def _without_training(selection: Selection) -> Selection:
    """The TEST phase: other engines don't train."""
    source = click.get_current_context().get_parameter_source("phase")
    if selection.phase == "TRAIN" and source == click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--phase TRAIN is PyTorch's: leave --engine out")
    return replace(selection, phase="TEST")


def _timed(
    source: Readable,
    device: Any,
    selection: Selection,
    iterations: int,
    engine: str,
    form: tuple[bool | None, bool],
) -> Any:
    from protonet.cli.bar import bar
    from protonet.optimizing.choice import made_fast
    from protonet.training.gpu import gpu_told
    from protonet.training.plan import net_plan
    from protonet.training.timing import open_timed, timed

    plan = net_plan(source, selection.phase, selection.stages, selection.level)
    net, batch = open_timed(plan, device, selection.shapes, selection.allow_python)
    outputs = [v.blob for v in net.graph.outputs if not v.producer.layer.is_data]
    other = engine_of(engine, net, outputs)
    with gpu_told(), bar(plan.title, iterations + 2) as advance:
        forms: dict[str, Any] = {"onnxruntime": other} if other else {}
        if any(form):
            forms["fast"] = made_fast(net.module, iterations, device.type, *form)
        return timed(net, batch, iterations, advance, forms)


def _table(table: list[list[str]]) -> None:
    """Columns, names to the left and numbers to the right."""
    table = [[plain(cell, LONGEST) for cell in row] for row in table]
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
