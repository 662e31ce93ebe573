"""protonet data annotated: a database of images with boxes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.databases import output_options, write
from protonet.cli.options import SizeOption
from protonet.cli.outputs import NewFile
from protonet.cli.talk import say
from protonet.diagnostics import NetError
from protonet.plain import plain

if TYPE_CHECKING:
    from protonet.data.detection.label_map import LabelMap
    from protonet.data.detection.marked import MarkedSet

_FILE = click.Path(path_type=Path)
_KINDS = ("voc", "coco", "text", "darknet")


@click.command()
@click.argument("root", type=_FILE)
@click.argument("listing", metavar="[LIST]", required=False, type=_FILE)
@output_options
@click.option("--kind", type=click.Choice(_KINDS), help="How boxes are marked. [by the folder]")
@click.option("--set", "part", metavar="NAME", help="A set of ImageSets/Main, such as trainval.")
@click.option("--json", "marks", type=_FILE, help="COCO's JSON, of images under ROOT.")
@click.option("--label-map", type=_FILE, help="Numbers of the classes. [labelmap.prototxt by -o]")
@click.option("--resize", type=SizeOption(), help="Bring every image to this size.")
@click.option("--gray", is_flag=True, help="Read images as gray ones.")
@click.option("--raw", is_flag=True, help="Keep pixels, not the encoded files.")
@click.option("--shuffle", is_flag=True, help="Shuffle the images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the shuffle.")
@click.option("--skip-broken", is_flag=True, help="Leave out what can't be taken, and say so.")
def annotated(
    root: Path, listing: Path | None, output: Path, backend: str, force: bool, **options: Any
) -> None:
    """Make a database of images with boxes, for AnnotatedData layers.

    ROOT is a Pascal VOC folder, images with --json of COCO, or images with a .txt of
    `LABEL XMIN YMIN XMAX YMAX` lines beside each (--kind darknet: `CLASS X Y WIDTH HEIGHT`). LIST
    names an image and its annotation, .xml, .json or .txt, on each line.

    \b
    protonet data annotated VOC2007 --set trainval -o trainval_lmdb --shuffle
    protonet data annotated train2017 --json instances_train2017.json -o coco_lmdb
    protonet data annotated photos/ -o train_lmdb
    protonet data annotated photos/ train.txt -o train_lmdb --label-map labelmap.prototxt
    """
    from protonet.data.detection.annotated_set import AnnotatedSet
    from protonet.data.image_files import Size

    found = _found(root, listing, options)
    labels, new = _labels(found, output, options["label_map"])
    chosen = AnnotatedSet(
        root,
        list(found.images),
        labels,
        Size(*(options["resize"] or ())),
        color=not options["gray"],
        encode=not options["raw"],
        skip_broken=options["skip_broken"],
    )
    if options["shuffle"]:
        chosen.shuffle(options["seed"])
    count = write(output, len(chosen.images), chosen.records(), backend, force)
    if new is not None:
        labels.write(new)
        say(plain(f"{len(labels.numbers)} classes, in {os.path.relpath(new)}"))
    _tell(found, chosen.broken)
    _tell_odd(chosen.beyond, chosen.other_sizes)
    say(f"{chosen.boxes:,} boxes in {count:,} images")


def _found(root: Path, listing: Path | None, options: dict[str, Any]) -> MarkedSet:
    """What is marked. NetError of a box that is none, where those are not to be left out."""
    from protonet.data.detection.finding import listed, looked_through
    from protonet.data.detection.marked import refuse_wrong

    kind, part, marks = (options[name] for name in ("kind", "part", "marks"))
    if listing is not None and (part or marks):
        raise click.UsageError("a LIST says all: leave out --set and --json")
    if listing is None:
        found = looked_through(root, kind, part, marks)
    else:
        found = listed(root, listing, kind)
    if not options["skip_broken"]:
        refuse_wrong(found.images)
    return found


def _labels(found: MarkedSet, output: Path, given: Path | None) -> tuple[LabelMap, Path | None]:
    """The numbers of the classes: given, those of a map beside the database, or new ones.

    With new ones comes the file that they are to be written to.
    """
    from protonet.data.detection.label_map import LabelMap

    beside = output.absolute().with_name("labelmap.prototxt")
    shown = os.path.relpath(beside)
    if given is not None:
        return LabelMap.read(given), None
    if beside.exists():
        say(f"classes are numbered as in {shown}")
        return LabelMap.read(beside), None
    classes = found.classes()
    if not classes:
        raise NetError("no image has a box", None, "a label map, by --label-map, would do without")
    return LabelMap.of(classes, shown), beside


def _tell(found: MarkedSet, broken: list[str]) -> None:
    """Say what was left out."""
    for sentence in (one for image in found.images for one in image.wrong):
        say(plain(f"left out: {sentence}"))
    for sentence in broken:
        say(plain(f"left out: {sentence}"))


def _tell_odd(beyond: list[str], other_sizes: list[str]) -> None:
    """Say which images are not as large as is stated, and which boxes reach beyond theirs."""
    if other_sizes:
        number = "an image is" if len(other_sizes) == 1 else f"{len(other_sizes):,} images are"
        say(plain(f"{number} of another size than is stated with its boxes: {other_sizes[0]}"))
    if beyond:
        number = "a box reaches" if len(beyond) == 1 else f"{len(beyond):,} boxes reach"
        say(plain(f"{number} beyond the image, kept and cut as they are read: {beyond[0]}"))


@click.command()
@click.option(
    "-o", "--output", type=NewFile(folder=True, path_type=Path), required=True, help="The folder."
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--train", type=click.IntRange(1, 100_000), default=600, show_default=True)
@click.option("--test", type=click.IntRange(1, 100_000), default=100, show_default=True)
@click.option("--size", type=click.IntRange(32, 1024), default=96, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of what is drawn.")
@click.option("--detector", is_flag=True, help="Add a small SSD for them, and its solver.")
def shapes(output: Path, force: bool, detector: bool, **numbers: int) -> None:
    """Draw a small set to detect: circles, squares and triangles, as a Pascal VOC folder.

    With --detector there are a train_val.prototxt and a solver.prototxt in it, for databases beside
    them, train_lmdb and test_lmdb.

    \b
    protonet data shapes -o shapes --detector
    protonet data annotated shapes --set train -o shapes/train_lmdb --shuffle
    protonet data annotated shapes --set test -o shapes/test_lmdb
    protonet train shapes/solver.prototxt
    """
    from protonet.data.detection.shapes import CLASSES, write_shapes
    from protonet.zoo.detector import SmallDetector

    texts = {}
    if detector:
        made = SmallDetector(len(CLASSES) + 1, "train_lmdb", "test_lmdb", "labelmap.prototxt")
        texts["train_val.prototxt"] = made.train_val()
        texts["solver.prototxt"] = made.solver(-(-numbers["test"] // made.test_batch))
    boxes = write_shapes(output, **numbers, force=force, texts=texts)
    count = numbers["train"] + numbers["test"]
    click.echo(plain(f"{output}: {count:,} images with {boxes:,} boxes"))
