"""protonet run: a net with its weights on images; classes, boxes, segments, or features."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from protonet.cli.engines import engine_option, image_engine, refuse_others
from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import device_option, fast_options, net_options
from protonet.cli.outputs import NewFile
from protonet.cli.preparing import preparation_of, preparation_options
from protonet.cli.talk import say
from protonet.cli.weighted import all_there
from protonet.diagnostics import NetError
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.inference.images import ImageNet
    from protonet.inference.kinds import Meaning

_LABELS = "Names of the classes: imagenet, voc, coco, or a file with a name on each line."
_OUT = "A .png with what was found, a folder of them, a .csv, or an .npy with the blob."


@click.command(name="run")
@click.argument("net", type=NET)
@click.argument("more_images", nargs=-1, type=click.Path(), metavar="[IMAGE]...")
@click.option(
    "--weights", type=WEIGHTS, help="A .caffemodel, .h5 or .safetensors; several with commas."
)
@click.option("--image", "images", multiple=True, type=click.Path(), help="As IMAGE.")
@preparation_options
@click.option("--ten-crop", is_flag=True, help="Mean over corners, centre and their mirrors.")
@click.option("--labels", help=_LABELS)
@click.option("--top", type=click.IntRange(min=1), help="How many rows. [5 classes, 20 boxes]")
@click.option(
    "--threshold",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="The least score of a box.",
)
@click.option("--blob", help="The blob to look at. [the net's output]")
@click.option("--out", type=NewFile(), help=_OUT)
@click.option(
    "--batch", default=16, show_default=True, type=click.IntRange(min=1), help="Inputs at a time."
)
@fast_options
@device_option
@engine_option
@net_options
def command(
    net: Readable,
    more_images: tuple[str, ...],
    images: tuple[str, ...],
    selection: Selection,
    **options: Any,
) -> None:
    """Run NET with its weights on images: the best classes, boxes, or the class of each place.

    NET is a prototxt, or weights that hold their net; WEIGHTS may stand among the images, too.
    An IMAGE may be a folder; of many images the answer is a CSV. How images are prepared is known
    where `compile --mean ...` has written it beside the weights, or where a data layer states it,
    and options come before that. Else they are as Caffe's classification tools have them: BGR,
    planes first, brought to the net's size. With --ten-crop they are brought to --resize first
    (256x256), or by --short-side 256 to that square without stretching, and the net's answers to
    ten crops are averaged. A mean image of that size is taken away before the crops, as in
    training.

    \b
    protonet run deploy.prototxt cat.jpg --weights net.caffemodel --mean 104,117,123 \\
        --labels imagenet
    protonet run deploy.prototxt street.jpg --weights ssd.caffemodel --labels voc --out found.png
    protonet run deploy.prototxt photos/ --weights net.caffemodel --out answers.csv
    protonet run deploy.prototxt photos/ --weights net.caffemodel --blob fc7 --out fc7.npy
    """
    from protonet.data.classification import image_paths
    from protonet.inference.held import SUFFIXES

    given = [path for path in (*more_images, *images) if not path.lower().endswith(SUFFIXES)]
    said = [path for path in more_images if path.lower().endswith(SUFFIXES)]
    options["weights"] = ",".join(filter(None, [options["weights"], *said])) or None
    if not given:
        raise click.UsageError("give an image, or a folder of them: protonet run NET IMAGE ...")
    refuse_others(options)
    if options["weights"]:
        all_there(options["weights"])
    paths = image_paths(given)
    is_many = len(paths) > 1 or Path(given[0]).is_dir()
    taking, weights = _opened(net, selection, options["blob"], options["weights"])
    _answer(taking, paths, is_many, {**options, "weights": weights})


def _opened(
    net: Readable, selection: Selection, blob: str | None, weights: str | None
) -> tuple[ImageNet, str]:
    """The net, of a prototxt or of weights that hold one, and the weights."""
    from protonet.inference.held import held_net
    from protonet.inference.images import image_net

    held = held_net(net)
    if held is not None:
        shapes = {**held.shapes, **selection.shapes}
        return image_net(held.message, replace(selection, shapes=shapes), blob), weights or str(net)
    taking = image_net(net, selection, blob)
    if weights is None:
        _refuse_chance(net)
    return taking, weights


def _refuse_chance(net: Readable) -> NoReturn:
    """Refuse a net without weights, whose answers would be those of chance."""
    from protonet.inference.held import weights_beside

    beside = ", ".join(map(str, weights_beside(net)[:3]))
    hint = f"beside it is {beside}" if beside else "`protonet compile NET --run` takes random ones"
    name = net if isinstance(net, str) else "it"
    raise NetError(f"{name} is a net without its weights: give --weights", None, hint)


def _answer(net: ImageNet, paths: list[Path], is_many: bool, options: dict[str, Any]) -> None:
    """Look at all that can be wrong, then run the net on the images and write what it says."""
    from protonet.cli.answering import Answering, check_out, class_names
    from protonet.inference.images import seen_images
    from protonet.inference.names import names_given, set_of
    from protonet.optimizing.choice import made_fast

    listed = names_given(options["labels"]) if options["labels"] else None
    meaning = net.meaning(listed.counts if listed else ())
    _refuse_crops(meaning, options["ten_crop"])
    check_out(options["out"], net, meaning, paths)
    names = class_names(net, meaning, listed)
    known = preparation_of(net, options["weights"], options, options["ten_crop"])
    facts, out, threshold = known.preparation, options["out"], options["threshold"]
    answer = Answering(net, meaning, names, facts, out, options["top"], threshold, is_many)
    source = f" ({known.source})" if known.source else "; --mean, --scale and --rgb change that"
    say(f"images: {facts.words()}{source}")
    if net.blob and options["blob"] is None and net.blob not in [v.blob for v in net.graph.outputs]:
        say(f"scores: the blob {net.blob!r}, which the net judges")
    _say_unwritten(net)
    if listed is None and (such := set_of(meaning.classes, meaning.background)):
        say(f"labels: none; --labels {such} has {meaning.classes} names")
    chosen = {key: options[key] for key in ("weights", "ten_crop", "batch", "device")}
    chosen["engine"] = image_engine(options["engine"], options["device"])
    bar = is_many and answer.keeps_quiet
    fast = partial(
        made_fast, wanted=options["optimize"], through_compile=options["through_compile"]
    )
    seen = seen_images(net, paths, facts, **chosen, ready=fast, lenient=is_many, has_bar=bar)
    answer.write(paths, seen)


def _say_unwritten(net: ImageNet) -> None:
    """Name the layers that write files pass by pass, which images here are no passes for."""
    from protonet.training.output_files import writing_nodes

    nodes = writing_nodes(net.graph)
    if nodes:
        named = ", ".join(f"{plain(node.name)} ({node.type})" for node in nodes)
        say(f"not written: the files of {named}; `protonet test` writes them")


def _refuse_crops(meaning: Meaning, ten_crop: bool) -> None:
    if ten_crop and meaning.is_drawn:
        raise click.UsageError("--ten-crop is for classes and features: crops have other places")
