"""protonet run: a net with its weights on images; the best classes, or features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from protonet.cli.nets import NET, WEIGHTS
from protonet.cli.options import device_option, net_options
from protonet.cli.outputs import NewFile
from protonet.cli.talk import say
from protonet.cli.weighted import all_there
from protonet.diagnostics import NetError
from protonet.plain import plain
from protonet.reading import reading
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.arrays import Array
    from protonet.data.classification import Preparation


class SizeOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """``256`` or ``256x340`` as (height, width)."""

    name = "N|HxW"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        parts = str(value).split("x")
        if len(parts) > 2 or not all(p.isdecimal() and int(p) for p in parts):
            self.fail(f"{value!r} is no size; write it as 256 or 256x340", param, ctx)
        return int(parts[0]), int(parts[-1])


@click.command(name="run")
@click.argument("net", type=NET)
@click.option(
    "--weights",
    type=WEIGHTS,
    required=True,
    help="A .caffemodel, .h5 or .safetensors; several with commas.",
)
@click.option(
    "--image",
    "images",
    required=True,
    multiple=True,
    type=click.Path(),
    help="An image, or a folder of them. May be repeated.",
)
@click.option("--mean", help="Values such as 104,117,123 (BGR), or a .binaryproto or .npy file.")
@click.option("--scale", default=1.0, show_default=True, help="Factor after the mean.")
@click.option("--raw-scale", default=255.0, show_default=True, help="What white is before it.")
@click.option("--rgb", is_flag=True, help="Colours as RGB; Caffe's nets take BGR.")
@click.option("--resize", type=SizeOption(), help="Bring images to this, then take the centre.")
@click.option(
    "--short-side",
    type=click.IntRange(1),
    help="Bring the shorter side to this, then take the centre.",
)
@click.option("--ten-crop", is_flag=True, help="Mean over corners, centre and their mirrors.")
@click.option("--labels", type=click.Path(), help="A text with the name of a class on each line.")
@click.option(
    "--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many classes."
)
@click.option("--blob", help="The blob to look at. [the net's output]")
@click.option("--out", type=NewFile(), help="Write the blob of all images as an .npy file.")
@click.option(
    "--batch", default=16, show_default=True, type=click.IntRange(min=1), help="Inputs at a time."
)
@device_option
@net_options
def command(net: Readable, images: tuple[str, ...], selection: Selection, **options: Any) -> None:
    """Run NET with its weights on images and print the best classes.

    Images are prepared as Caffe's classification tools do it: BGR, planes first, brought to the
    net's size, the mean taken away. With --ten-crop they are brought to --resize first (256x256),
    or by --short-side 256 to that square without stretching, and the net's answers to ten crops
    are averaged. A mean image of that size is taken away before the crops, as in training.

    \b
    protonet run deploy.prototxt --weights net.caffemodel --image cat.jpg --mean 104,117,123
    protonet run deploy.prototxt --weights net.caffemodel --image photos/ --mean mean.binaryproto \\
        --labels synset_words.txt --ten-crop
    protonet run deploy.prototxt --weights net.caffemodel --image photos/ --blob fc7 --out fc7.npy
    """
    from protonet.data.classification import image_paths
    from protonet.inference.images import blob_of_images, image_net

    if options["resize"] and options["short_side"]:
        raise click.UsageError("--resize and --short-side don't go together")
    if options["out"] and not options["out"].endswith(".npy"):
        raise click.UsageError(f"--out writes an .npy file, not {options['out']}")
    paths = image_paths(images)
    all_there(options["weights"])
    taking = image_net(net, selection, options["blob"])
    prepare = _preparation(taking.shape, options)
    chosen = {key: options[key] for key in ("weights", "batch", "device")}
    prepare(paths[0])  # what can't be read is told before the weights are
    values, blob = blob_of_images(taking, paths, prepare, **chosen)
    if options["out"]:
        _write(options["out"], values)
        count = f"{len(paths)} image{'s' if len(paths) != 1 else ''}"
        what = f"{blob} of {count}, {'x'.join(map(str, values.shape))}"
        say(f"{options['out']}: {what}")
        return
    labels = _labels(options["labels"], values)
    for path, scores in zip(paths, values, strict=True):
        click.echo(_answer(str(path), blob, scores, labels, options["top"]))


def _preparation(shape: tuple[int, ...], options: dict[str, Any]) -> Preparation:
    from protonet.data.classification import Preparation
    from protonet.data.image_files import Size

    _, channels, height, width = shape
    short = options["short_side"]
    frame = (short, short) if short else options["resize"]
    frame = frame or ((256, 256) if options["ten_crop"] else (height, width))
    if frame[0] < height or frame[1] < width:
        what = f"images of {frame[0]}x{frame[1]} are smaller than the net's {height}x{width}"
        option = "--short-side" if short else "--resize"
        least = max(height, width) if short else f"{height}x{width}"
        raise NetError(what, None, f"give {option} {least} or more")
    size = Size(short_side=short, center=short) if short else Size(*frame)
    mean = _mean(options["mean"], channels, [(height, width), frame])
    chosen = {key: options[key] for key in ("scale", "raw_scale", "rgb", "ten_crop")}
    return Preparation(channels, height, width, size, mean, **chosen)


def _mean(given: str | None, channels: int, sizes: list[tuple[int, int]]) -> Array | None:
    """The values of --mean, or its file's."""
    import numpy as np

    from protonet.data.classification import fitted_mean
    from protonet.weights.mean import read_mean

    if given is None:
        return None
    try:
        values = np.array([float(value) for value in given.split(",")])
    except ValueError:
        return fitted_mean(read_mean(given), channels, sizes, given)
    return fitted_mean(values, channels, sizes, f"--mean {given}")


def _labels(path: str | None, values: Array) -> list[str]:
    """The classes' names. NetError where there are not as many as classes."""
    if path is None:
        return []
    with reading(path, "can't be read", None):
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    labels = text.splitlines()
    classes = values[0].size
    if len(labels) != classes:
        raise NetError(f"{path} has {len(labels)} lines, but the net has {classes} classes")
    return labels


def _answer(name: str, blob: str, scores: Array, labels: list[str], top: int) -> str:
    """The best classes of one image as a table; of a blob with places, its shape and range."""
    if scores.size != max(scores.shape, default=1):
        shape = "x".join(map(str, scores.shape))
        low, high, mean = scores.min(), scores.max(), scores.mean()
        return f"{plain(name)}\n  {plain(blob)} {shape}: {low:.6g} to {high:.6g}, mean {mean:.6g}"
    flat = scores.reshape(-1)
    order = (-flat).argsort(kind="stable")[:top]
    numbers = [f"{flat[i]:.4f}" if 0 <= flat[i] <= 1 else f"{flat[i]:.6g}" for i in order]
    wide, places = max(map(len, numbers)), max(len(str(i)) for i in order)
    rows = [f"class {i:>{places}}" if not labels else plain(labels[i]) for i in order]
    lines = [f"  {n:>{wide}}  {row}" for n, row in zip(numbers, rows, strict=True)]
    return "\n".join([plain(name), *lines])


def _write(path: str, values: Array) -> None:
    import numpy as np

    from protonet.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, values, allow_pickle=False)
