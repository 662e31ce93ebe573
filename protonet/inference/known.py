"""How images are prepared for a net, as far as its files say it, and which of them does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from protonet.api import selected
from protonet.data.stated import stated_preparation, states_preparation
from protonet.diagnostics import NetError
from protonet.preparation import Preparation
from protonet.schema.load import Readable, load
from protonet.schema.pool import Message
from protonet.schema.upgrade import upgrade
from protonet.selection import Selection
from protonet.weights.caffemodel import definition
from protonet.weights.read import open_any, split_paths
from protonet.weights.state import State
from protonet.weights.stored import StoredNet
from protonet.weights.told import preparation_told


@dataclass(frozen=True)
class Known:
    """A preparation and where it is from; "" where no file says anything."""

    preparation: Preparation
    source: str


def known_preparation(
    net: Readable,
    selection: Selection,
    blob: str,
    plain: Preparation,
    weights: str | None,
    has_mean: bool,
) -> Known:
    """What is known of a net whose input ``blob`` takes images that would else be ``plain``.

    The weights say it where protonet wrote them, then a data layer of the net, then one of the
    net that a caffemodel holds. With ``has_mean`` the caller has one, and no file of one is read.
    NotHere where a mean file that is named is not there.
    """
    files = [open_any(path) for path in split_paths(weights)] if weights else []
    for file in files:
        metadata = {} if isinstance(file, StoredNet) else file.metadata
        told = preparation_told(metadata, file.path)
        if told is not None:
            return Known(_fitted(told, plain, file.path), file.path)
    for layers, folder, where in _definitions(net, selection, files):
        stating = next((one for one in layers if blob in one.top and states_preparation(one)), None)
        if stating is not None:
            layer = _without_mean(stating) if has_mean else stating
            found = stated_preparation(layer, plain, folder)
            return Known(found, f"layer {stating.name!r} of {where}")
    return Known(plain, "")


def _fitted(told: Preparation, plain: Preparation, path: str) -> Preparation:
    """What was told, for a net that may have been given another size since."""
    if told.channels != plain.channels:
        what = f"{path} was compiled for images of {told.channels} channels"
        raise NetError(f"{what}, but the net takes {plain.channels}")
    if (told.height, told.width) == (plain.height, plain.width):
        return told
    mean = told.mean if told.mean_image is None else told.mean_image.mean((1, 2))
    return replace(told, height=plain.height, width=plain.width, mean=mean)


def _definitions(
    net: Readable, selection: Selection, files: Sequence[StoredNet | State]
) -> Iterator[tuple[list[Message], str, str]]:
    """The layers of the net, and of those that the weights hold; their folder and their name."""
    own = selected(net, selection)
    yield list(own.message.layer), own.folder, own.source.name if own.source else "the net"
    for file in files:
        if not isinstance(file, StoredNet) or not file.skeleton:
            continue
        try:
            held = upgrade(load(definition(file)[0]))
        except NetError:  # a fork's: it says nothing that can be read
            continue
        yield list(held.message.layer), "", file.path


def _without_mean(layer: Message) -> Message:
    made = type(layer)()
    made.CopyFrom(layer)
    made.transform_param.ClearField("mean_file")
    made.transform_param.ClearField("mean_value")
    return made
