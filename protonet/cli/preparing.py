"""Options that say how images are prepared: given once to compile, taken by run where it is new."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from protonet.cli.options import SizeOption
from protonet.cli.talk import say
from protonet.diagnostics import NetError
from protonet.plain import plain
from protonet.schema.load import Readable
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.arrays import Array
    from protonet.graph import Graph
    from protonet.inference.images import ImageNet
    from protonet.inference.known import Known
    from protonet.preparation import Preparation

C = TypeVar("C", bound=Callable[..., Any])


_MEAN = "Values such as 104,117,123 (BGR), or a .binaryproto or .npy file; 0 for none."
_SHORT = "Bring the shorter side to this, then take the centre."
_OPTIONS = (
    click.option("--mean", help=_MEAN),
    click.option("--scale", type=float, help="Factor after the mean. [1]"),
    click.option("--raw-scale", type=float, help="What white is before the mean. [255]"),
    click.option("--rgb/--bgr", default=None, help="The order of colours. [BGR, as in Caffe]"),
    click.option("--resize", type=SizeOption(), help="Bring to this, then take the centre."),
    click.option("--short-side", type=click.IntRange(1), help=_SHORT),
)
_NAMES = ("mean", "scale", "raw_scale", "rgb", "resize", "short_side")


def preparation_options(command: C) -> C:
    """The options under their names in ``Preparation``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def told_preparation(
    net: Readable, selection: Selection, graph: Graph, weights: str | None, options: dict[str, Any]
) -> Preparation | None:
    """What ``compile`` writes beside a net; None where neither options nor files say anything.

    NetError where a mean image has no file of weights to stand in.
    """
    is_given = any(options[name] is not None for name in _NAMES)
    if not is_given and selection.phase == "TRAIN":  # where images are cut out and turned at random
        return None
    if not (is_given or weights or _states(net)):
        return None
    from protonet.data.extras import NotHere  # numpy and every reader come with these
    from protonet.inference.images import image_net

    try:
        taking = image_net(net, selection, None, graph)
    except NetError:
        if is_given:
            raise
        return None
    try:
        known = preparation_of(taking, weights, options)
    except NotHere as error:  # what nobody asked for stops nothing
        if is_given:
            raise
        what = plain(f"warning: preprocess is not written: {error.message}; --mean gives it")
        say(what)
        return None
    image = known.preparation.mean_image
    if image is not None and not weights:
        values = ",".join(f"{value:.6g}" for value in image.mean((1, 2)))
        what = "a mean image is kept in the file with the weights, and there is none"
        raise NetError(what, None, f"give --weights, or its channels' means: --mean {values}")
    return known.preparation if is_given or known.source else None


def _states(net: Readable) -> bool:
    """Whether a layer of a right net, in whatever phase, says anything of images."""
    from protonet.api import read

    return any(layer.HasField("transform_param") for layer in read(net).message.layer)


def preparation_of(
    taking: ImageNet, weights: str | None, options: dict[str, Any], ten_crop: bool = False
) -> Known:
    """How images are prepared for a net: as its files say, and the options in their place."""
    from protonet.inference.known import Known, known_preparation

    if options["resize"] and options["short_side"]:
        raise click.UsageError("--resize and --short-side don't go together")
    has_mean = options["mean"] is not None
    known = known_preparation(
        taking.source, taking.selection, taking.input, taking.plain, weights, has_mean
    )
    made, given = known.preparation, {n: options[n] for n in _NAMES if options[n] is not None}
    if "short_side" in given or "resize" in given:
        sized = {"resize": given.pop("resize", None), "short_side": given.pop("short_side", 0)}
        made = replace(made, **sized)
        words = ["resize" if sized["resize"] else "short_side"]
    else:
        words = []
        if ten_crop and made.frame == (made.height, made.width):
            made = replace(made, resize=(256, 256))
    _refuse_small(made)
    mean = _mean(given.pop("mean"), made) if has_mean else _refit(made)
    words += [*given, *["mean"] * has_mean]
    made = replace(made, mean=mean, **given)
    options_said = ", ".join(f"--{_spelled(word, made)}" for word in words)
    return Known(made, ", ".join(part for part in (known.source, options_said) if part))


def _spelled(word: str, made: Preparation) -> str:
    return ("rgb" if made.rgb else "bgr") if word == "rgb" else word.replace("_", "-")


def _refuse_small(made: Preparation) -> None:
    """NetError where what images are brought to is smaller than the net's part of it."""
    frame, height, width = made.frame, made.height, made.width
    if frame[0] < height or frame[1] < width:
        what = f"images of {frame[0]}x{frame[1]} are smaller than the net's {height}x{width}"
        option = "--short-side" if made.short_side else "--resize"
        least = max(height, width) if made.short_side else f"{height}x{width}"
        raise NetError(what, None, f"give {option} {least} or more")


def _refit(made: Preparation) -> Array | None:
    """The mean that a file told, for images that may be brought to another size now."""
    from protonet.data.classification import fitted_mean

    if made.mean is None:
        return None
    return fitted_mean(made.mean, made.channels, _sizes(made), "the mean")


def _mean(given: str, made: Preparation) -> Array | None:
    """The values of --mean, or its file's; none where they are all 0."""
    import numpy as np

    from protonet.data.classification import fitted_mean
    from protonet.weights.mean import read_mean

    try:
        values = np.array([float(value) for value in given.split(",")])
    except ValueError:
        return fitted_mean(read_mean(given), made.channels, _sizes(made), given)
    mean = fitted_mean(values, made.channels, _sizes(made), f"--mean {given}")
    return mean if mean.any() else None


def _sizes(made: Preparation) -> list[tuple[int, int]]:
    return [(made.height, made.width), made.frame]
