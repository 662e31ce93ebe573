"""protonet test: a net over its test data, as caffe test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from protonet.cli.engines import engine_option, refuse_others, test_engine
from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import (
    allow_python_option,
    device_option,
    fast_options,
    plugin_option,
)
from protonet.cli.weighted import all_there, tell
from protonet.plain import plain
from protonet.schema.load import Readable

if TYPE_CHECKING:
    from protonet.training.evaluate import Tested
    from protonet.training.nets import Net


@click.command()
@click.argument("net", required=False, type=NET)
@click.option("-model", "--model", type=NET, hidden=True)
@click.option(
    "-weights", "--weights", type=WEIGHTS, required=True, help="Caffemodels, separated by commas."
)
@click.option("-iterations", "--iterations", type=click.IntRange(min=1), default=50)
@click.option("-stage", "--stage", "stages", help="Stages, separated by commas.")
@click.option("-level", "--level", type=int, default=0)
@device_option
@click.option("-gpu", "--gpu", type=int, help="The GPU to use.")
@engine_option
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32")
@fast_options
@click.option("--batches", is_flag=True, help="Print the outputs of every batch.")
@click.option(
    "--ap-version",
    type=click.Choice(["11point", "MaxIntegral", "Integral"]),
    default="Integral",
    show_default=True,
    help="How a detector's precision is averaged.",
)
@click.option("--classes", is_flag=True, help="Print a detector's precision of every class.")
@allow_python_option
@plugin_option
def command(net: Readable | None, model: Readable | None, **options: Any) -> None:
    """Run the TEST phase of NET over its data and print the mean of each output.

    Of a detector (DetectionEvaluate) it is the mean average precision.

    \b
    protonet test train_val.prototxt --weights lenet_iter_1000.caffemodel --iterations 100
    protonet test ssd.prototxt --weights ssd.caffemodel --ap-version 11point --classes
    """
    if (net is None) == (model is None):
        raise click.UsageError("give one net, as in: protonet test train_val.prototxt")
    from protonet.cli.bar import bar
    from protonet.device import pick
    from protonet.training.gpu import gpu_told
    from protonet.training.nets import open_net
    from protonet.training.plan import net_plan
    from protonet.weights.mapping import load_weights

    refuse_others(options)
    all_there(options["weights"])
    stages = options["stages"].split(",") if options["stages"] else ()
    plan = net_plan(net or model or "", "TEST", stages, options["level"])
    device = pick(options["device"], options["gpu"])
    made = open_net(
        plan, device, precision=options["precision"], allow_python=options["allow_python"]
    )
    try:
        tell(load_weights(made.module, options["weights"]))
        made.compiled = test_engine(options["engine"], made)
        with gpu_told(), bar(plan.title, options["iterations"]) as advance:
            _run(made, options, advance, None if made.compiled else _fast(made, options))
    except BaseException:
        made.close(whole=False)
        raise
    made.close()


def _fast(made: Net, options: dict[str, Any]) -> Any:
    """The form of the net that pays for so many passes."""
    from protonet.optimizing.choice import made_fast

    form = options["optimize"], options["through_compile"]
    return made_fast(made.module, options["iterations"], made.device.type, *form)


def _run(made: Any, options: dict[str, Any], advance: Any, fast: Any) -> None:
    from protonet.training.detection import evaluate_detection, judged
    from protonet.training.evaluate import Score, evaluate

    def each(number: int, found: list[Score]) -> None:
        advance()
        for score in found if options["batches"] else ():
            click.echo(f"Batch {number}, {plain(score.blob)} = {score.value:g}")

    iterations = options["iterations"]
    if judged(made):
        version = options["ap_version"]
        tested = evaluate_detection(made, iterations, version, each=each, through=fast)
        assert tested is not None
        for classes in tested.classes.values() if options["classes"] else ():
            for label, precision in classes.items():
                click.echo(f"class{label}: {precision:g}")
        _print(tested)
        return
    averaged = evaluate(made, iterations, each=each, through=fast)
    assert averaged is not None
    _print(averaged)


def _print(tested: Tested) -> None:
    if any(score.weight for score in tested.scores):
        click.echo(f"Loss: {tested.loss:g}")
    for score in tested.scores:
        part = f" (* {score.weight:g} = {score.weight * score.value:g} loss)"
        click.echo(f"{plain(score.blob)} = {score.value:g}{part if score.weight else ''}")
