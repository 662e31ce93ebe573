"""protonet finetune: other classes for a net, from a folder of images."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import SizeOption, device_option, plugin_option
from protonet.cli.outputs import NewFile, refuse_unwritable
from protonet.cli.talk import say, step
from protonet.plain import plain
from protonet.schema.load import Readable

if TYPE_CHECKING:
    from protonet.finetuning.asked import Asked
    from protonet.finetuning.tune import Tuned

_FOLDER = click.Path(path_type=Path)
_NEW = NewFile(folder=True, path_type=Path)


@click.command()
@click.argument("net", required=False, type=NET)
@click.option("--weights", type=WEIGHTS, help="What the training begins with; several with commas.")
@click.option("--data", type=_FOLDER, help="Images in class folders: cats/1.jpg, dogs/1.jpg.")
@click.option("--val", type=_FOLDER, help="The same to test on.  [every fifth image of --data]")
@click.option("-o", "--output", type=_NEW, help="Folder to make.  [finetune_DATA]")
@click.option("--freeze", metavar="BLOB", help="Learn nothing up to this blob.")
@click.option("--last", multiple=True, metavar="LAYER", help="Layer to make anew. May be repeated.")
@click.option("--iterations", type=click.IntRange(1), help="How long.  [10 passes, 100 at least]")
@click.option("--batch", type=click.IntRange(1), help="Images at a time.  [32]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="base_lr.  [0.001]")
@click.option("--mean", help="Values such as 104,117,123 (BGR), or a .binaryproto or .npy file.")
@click.option("--scale", type=float, help="Factor after the mean.  [1]")
@click.option("--resize", type=SizeOption(), help="Size of the images that crops are cut out of.")
@click.option("--mirror/--no-mirror", default=None, help="Mirror by chance.  [crops of colour]")
@click.option("--encode", is_flag=True, help="Keep images as PNG, a fraction of the space.")
@click.option("--resume", type=_FOLDER, metavar="DIR", help="Go on with one that was interrupted.")
@device_option
@plugin_option
def command(net: Readable | None, resume: Path | None, device: str, **options: Any) -> None:
    """Train NET, a deploy net or a train_val, to tell the class folders of --data apart.

    Its last layer is made anew for the new classes, the others begin with --weights. Every file
    is left in the folder of -o to be read and changed: labels, lists, databases, train_val,
    deploy and solver, which `protonet train` runs again as they are; log, curves and weights.

    \b
    protonet finetune deploy.prototxt --weights net.caffemodel --data flowers/
    protonet finetune train_val.prototxt --weights net.caffemodel --data flowers/ --freeze pool5
    protonet finetune deploy.prototxt --weights net.caffemodel --data flowers/ --mean 104,117,123
    protonet finetune --resume finetune_flowers
    """
    if resume is not None:
        given = [name for name, value in options.items() if value not in (None, (), False)]
        if net or given:
            raise click.UsageError("--resume takes all else from its folder")
        _resume(resume, device)
        return
    missing = [f"--{name}" for name in ("weights", "data") if options[name] is None]
    if net is None or missing:
        what = ", ".join([*(["NET"] if net is None else []), *missing])
        raise click.UsageError(f"give {what}: protonet finetune NET --weights W --data FOLDER")
    from protonet.finetuning.make import make

    asked = _asked(net, device, options)
    command_line = shlex.join(["protonet", *sys.argv[1:]])
    with step("preparing"):
        make(asked, plain(command_line), _say)
    _train(asked.folder, device)


def _asked(net: Readable, device: str, options: dict[str, Any]) -> Asked:
    from protonet.finetuning.asked import RATE, Asked

    data: Path = options["data"]
    folder = options.pop("output") or Path(f"finetune_{data.resolve().name}")
    refuse_unwritable(folder, folder=True)
    size, rate = options.pop("resize"), options.pop("rate") or RATE
    return Asked(net=net, folder=folder, size=size, rate=rate, device=device, **options)


def _resume(folder: Path, device: str) -> None:
    from protonet.finetuning.tune import resumed

    snapshot = resumed(folder)
    _say("resume", snapshot or f"{folder} from its beginning, as there is no snapshot")
    _train(folder, device, snapshot or None)


def _train(folder: Path, device: str, snapshot: str | None = None) -> None:
    from protonet.finetuning.tune import tune

    try:
        with step("training"):
            tuned = tune(folder, device, _say, snapshot)
    except KeyboardInterrupt:
        _say("go on", f"protonet finetune --resume {folder}")
        raise
    if tuned.trained.signal:
        _say("stopped", f"at iteration {tuned.trained.iteration}: {tuned.trained.snapshot}")
        _say("go on", f"protonet finetune --resume {folder}")
        raise click.exceptions.Exit(128 + tuned.trained.signal)
    _finish(tuned)


def _finish(tuned: Tuned) -> None:
    """The result, and the command that uses it."""
    from protonet.finetuning.tune import PICTURE
    from protonet.finetuning.using import use

    picture = tuned.folder / PICTURE
    _say("trained", f"{tuned.weights}{f', {picture}' if picture.exists() else ''}")
    _say("use it", use(tuned.folder, tuned.weights))


def _say(what: str, told: str) -> None:
    say(f"{what:<11} {told}")
