"""protonet data: databases and mean files, made and looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.annotated import annotated, shapes
from protonet.cli.databases import output_options, write
from protonet.cli.options import SizeOption
from protonet.cli.outputs import NewFile, refuse_other_kinds
from protonet.cli.talk import say
from protonet.diagnostics import NetError
from protonet.plain import plain

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from protonet.data.image_files import Size
    from protonet.data.image_list import ListedImage
    from protonet.data.mean_image import Components

_FILE = click.Path(path_type=Path)
_WRITTEN = NewFile(path_type=Path)


@click.group()
def command() -> None:
    """Make databases and mean files for data layers, and look at them.

    \b
    protonet data mnist train-images-idx3-ubyte train-labels-idx1-ubyte -o mnist_train_lmdb
    protonet data images photos/ train.txt -o train_lmdb --resize 256x256 --encode --shuffle
    protonet data annotated VOC2007 --set trainval -o trainval_lmdb --shuffle
    protonet data mean train_lmdb -o mean.binaryproto
    protonet data show train_lmdb --sheet first.png
    """


command.add_command(annotated)
command.add_command(shapes)


@command.command()
@click.argument("images", type=_FILE)
@click.argument("labels", type=_FILE)
@output_options
def mnist(images: Path, labels: Path, output: Path, backend: str, force: bool) -> None:
    """Make a database of MNIST's files, IMAGES and LABELS, gzipped or not.

    \b
    protonet data mnist train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz -o mnist_train_lmdb
    """
    from protonet.data.digits import mnist_records

    write(output, *mnist_records(images, labels), backend, force)


@command.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@output_options
@click.option("--pad", type=click.IntRange(0), default=0, help="Black pixels around every image.")
def cifar(files: tuple[Path, ...], output: Path, backend: str, force: bool, pad: int) -> None:
    """Make a database of CIFAR-10's binary batches, FILES in their order.

    A folder stands for its data_batch_1.bin to data_batch_5.bin, the training set. With --pad 4,
    random crops of 32 (crop_size) move the images by up to 4 pixels, as ResNet's recipe does.

    \b
    protonet data cifar cifar-10-batches-bin -o cifar10_train_lmdb --pad 4
    protonet data cifar cifar-10-batches-bin/test_batch.bin -o cifar10_test_lmdb
    """
    from protonet.data.digits import cifar_records

    batches = [batch for file in files for batch in _batches(file)]
    write(output, *cifar_records(batches, pad), backend, force)


def _batches(file: Path) -> list[Path]:
    if not file.is_dir():
        return [file]
    found = sorted(file.glob("data_batch_*.bin"))
    if not found:
        raise NetError(f"there is no data_batch_1.bin in {file}", None, "is it the binary version?")
    return found


@command.command()
@click.argument("root", type=_FILE)
@click.argument("listing", metavar="[LIST]", required=False, type=_FILE)
@output_options
@click.option("--resize", type=SizeOption(), help="Bring every image to this size.")
@click.option("--short-side", type=click.IntRange(1), help="Bring the shorter side to this length.")
@click.option("--center-crop", type=click.IntRange(1), help="Keep this square of the centre.")
@click.option("--gray", is_flag=True, help="Read images as gray ones.")
@click.option("--encode", is_flag=True, help="Keep images encoded, a fraction of the space.")
@click.option("--encode-type", help="Kind to encode as, png or jpg. [the file's own]")
@click.option("--shuffle", is_flag=True, help="Shuffle the images.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the shuffle.")
@click.option("--check-size", is_flag=True, help="Refuse images of different sizes.")
@click.option("--skip-broken", is_flag=True, help="Leave out what can't be read, and say so.")
def images(
    root: Path, listing: Path | None, output: Path, backend: str, force: bool, **options: Any
) -> None:
    """Make a database of the image files under ROOT that LIST names, `FILE LABEL` a line.

    Without LIST the folders in ROOT are the classes: the first by name has the label 0, and
    labels.txt, beside the database, says which is which.

    \b
    protonet data images photos/ train.txt -o train_lmdb --resize 256x256 --encode --shuffle
    protonet data images photos/ train.txt -o train_lmdb --short-side 256 --center-crop 256
    protonet data images flowers/ -o train_lmdb --resize 256x256 --shuffle
    """
    from protonet.data.imageset import ImageSet

    chosen = ImageSet(
        root,
        _listed(root, listing, output, options["shuffle"]),
        _wanted_size(options),
        color=not options["gray"],
        encode=options["encode"] or bool(options["encode_type"]),
        encode_type=(options["encode_type"] or "").lower().lstrip("."),
        check_size=options["check_size"],
        skip_broken=options["skip_broken"],
    )
    if options["shuffle"]:
        chosen.shuffle(options["seed"])
    write(output, len(chosen.entries), chosen.records(), backend, force)
    for message in chosen.broken:
        say(f"left out: {message}")


def _listed(root: Path, listing: Path | None, output: Path, shuffled: bool) -> list[ListedImage]:
    """The images of a list, or of class folders, whose labels are written down."""
    from protonet.data.class_folders import class_folders, write_labels
    from protonet.data.image_list import read_list

    if listing is not None:
        return read_list(listing)
    found = class_folders(root)
    labels = output.absolute().with_name("labels.txt")
    write_labels(labels, found.classes)
    told = f"{len(found.classes)} classes, in {os.path.relpath(labels)}"
    told += f"; left out, no images by their name: {len(found.others)}" if found.others else ""
    told += "" if shuffled else "; they come class by class: --shuffle mixes them to train on"
    say(told)
    return list(found.images)


def _wanted_size(options: dict[str, Any]) -> Size:
    from protonet.data.image_files import Size

    if options["resize"] and options["short_side"]:
        raise click.UsageError("--resize and --short-side don't go together")
    height, width = options["resize"] or (0, 0)
    return Size(height, width, options["short_side"] or 0, options["center_crop"] or 0)


@command.command()
@click.argument("database", type=_FILE)
@click.option("-o", "--output", type=_WRITTEN, help="The mean file to write, .binaryproto or .npy.")
@click.option("--pca", is_flag=True, help="Print the colours' components, for color_noise.")
def mean(database: Path, output: Path | None, pca: bool) -> None:
    """Compute the mean image of DATABASE, and print each channel's mean.

    \b
    protonet data mean train_lmdb -o mean.binaryproto
    protonet data mean train_lmdb --pca            # for transform_param { color_noise { ... } }
    """
    from protonet.data.databases import backend_of, open_reader
    from protonet.data.mean_image import all_records, images_of, mean_of
    from protonet.data.progress import tracked
    from protonet.weights.mean import SUFFIXES

    if output:
        refuse_other_kinds(output, "data mean", "a mean", SUFFIXES, "a mean file: -o m.binaryproto")
    reader = open_reader(database, backend_of(database))
    try:
        decoded = images_of(all_records(reader), database)
        found = mean_of(tracked(decoded, database.name, reader.count), database, pca)
    finally:
        reader.close()
    if output:
        _write_mean(output, found.image)
        shape = "x".join(str(n) for n in found.image.shape)
        say(f"{output}: the mean of {found.count:,} images, {shape}")
    for value in found.channels:
        click.echo(f"mean_value: {value:.6g}")
    if found.components:
        click.echo(_color_noise(found.components))


def _write_mean(path: Path, image: NDArray[np.float32]) -> None:
    """Caffe's own form, or an array of the same axes."""
    from protonet.data.mean_image import write_mean
    from protonet.weights.mean import write_mean as write_array

    if path.suffix.lower() == ".npy":
        write_array(path, image[None])
    else:
        write_mean(path, image)


def _color_noise(components: Components) -> str:
    """The field of a transform_param that has these components."""
    lines = [f"  deviation: {value:.6g}" for value in components.deviation]
    rows = components.component.tolist()
    lines += ["  " + " ".join(f"component: {value:.6f}" for value in row) for row in rows]
    return "\n".join(["color_noise {", "  sigma: 0.1", *lines, "}"])


@command.command()
@click.argument("database", type=_FILE)
@click.option(
    "--phase",
    type=click.Choice(["TRAIN", "TEST"]),
    default="TRAIN",
    show_default=True,
    help="The phase of a net's data layers.",
)
@click.option(
    "--first", type=click.IntRange(0), default=5, show_default=True, help="Records shown."
)
@click.option("--sheet", type=_WRITTEN, help="Picture of the first images to write, a .png.")
@click.option("--images", "count", type=click.IntRange(1, 10_000), default=96, show_default=True)
@click.option("--label-map", type=_FILE, help="Names of classes. [labelmap.prototxt beside it]")
def show(
    database: Path,
    phase: str,
    first: int,
    sheet: Path | None,
    count: int,
    label_map: Path | None,
) -> None:
    """Print what DATABASE holds: records, shapes, labels or boxes, and the first of them.

    Of a net's prototxt it is the first batch of its data layers, as it is after their crops.

    \b
    protonet data show train_lmdb
    protonet data show train_lmdb --sheet first.png --images 200
    protonet data show train_val.prototxt --sheet batch.png
    """
    if database.suffix == ".prototxt":
        from protonet.cli.batch_text import show_batch

        for line in show_batch(database, phase, sheet, count):
            click.echo(plain(line))
        return
    _show_database(database, first, sheet, count, label_map)


def _show_database(
    database: Path, first: int, sheet: Path | None, count: int, label_map: Path | None
) -> None:
    from protonet.cli.database_text import described, described_boxes
    from protonet.data.databases import backend_of, open_reader
    from protonet.data.detection.box_survey import box_survey, draw_boxes, has_boxes
    from protonet.data.detection.label_map import names_beside
    from protonet.data.mean_image import all_records
    from protonet.data.progress import tracked
    from protonet.data.sheet import draw_first
    from protonet.data.survey import survey

    backend = backend_of(database)
    reader = open_reader(database, backend)
    boxed, names = has_boxes(reader), names_beside(database, label_map)
    try:
        records = tracked(all_records(reader), database.name, reader.count)
        if boxed:
            boxes = box_survey(records, database, first)
            lines = described_boxes(database, backend, boxes, names)
        else:
            lines = described(database, backend, survey(records, database, first))
    finally:
        reader.close()
    for line in lines:
        click.echo(plain(line))
    if not sheet:
        return
    if boxed:
        drawn = draw_boxes(database, backend, sheet, count, names)
    else:
        drawn = draw_first(database, backend, sheet, count)
    say(f"{sheet}: the first {drawn:,} images")
