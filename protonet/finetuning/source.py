"""The net that a fine-tuning begins with, its weights, and what it says of its images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from protonet import api
from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.finetuning.asked import Asked
from protonet.finetuning.ends import End, ends, frozen
from protonet.finetuning.preparing import (
    Prepared,
    channels_stated,
    mean_of_file,
    prepared,
    told_mean,
)
from protonet.graph import Graph, Node
from protonet.layers import REGISTRY
from protonet.layers.base import show
from protonet.schema.load import Loaded
from protonet.schema.lookup import found
from protonet.schema.pool import Message
from protonet.selection import Selection
from protonet.weights.read import open_weights, split_paths

_SIZE = "give the size of the images that the net takes: --resize 256x256"


@dataclass(frozen=True)
class Pretrained:
    """A net as it is given: a deploy net, or one that trains, with its data layers' places.

    ``graph`` is that of the TEST phase of a deploy net, else of TRAIN. ``data`` is the blob of the
    images and ``label`` that of their classes, "" in a deploy net.
    """

    loaded: Loaded
    graph: Graph
    ends: tuple[End, ...]
    frozen: frozenset[Node]
    data: str
    label: str
    prepared: Prepared

    @property
    def trains(self) -> bool:
        """Whether it is a train_val."""
        return bool(self.label)


def start(asked: Asked) -> Pretrained:
    """Read the net. NetError where it can't be made one for other classes of images."""
    loaded = api.read(asked.net)
    feeds = [layer for layer in loaded.message.layer if is_feed(layer)]
    graph = _training(asked, loaded) if feeds else api.graph_of(loaded, Selection("TEST"))
    data, label = _inputs(graph, bool(feeds))
    shape = graph.blobs[data].shape
    if len(shape) != 4 or shape[1] not in (1, 3):
        what = f"the input {data!r} of the net is {show(shape)}"
        raise NetError(what, None, "a net that takes images, of 1 or 3 channels, can be fine-tuned")
    found_ends = ends(graph, asked.last)
    _refuse_places(found_ends)
    stopped = frozen(graph, asked.freeze, found_ends) if asked.freeze else set()
    mean = _mean(asked, loaded, feeds, shape[1])
    transforms = _transforms(feeds) if feeds else None
    ready = prepared(asked, (shape[1], shape[2], shape[3]), transforms, mean)
    return Pretrained(loaded, graph, tuple(found_ends), frozenset(stopped), data, label, ready)


def _refuse_places(found_ends: Sequence[End]) -> None:
    """NetError where a net says the classes of places, as those that segment do."""
    for end in found_ends:
        shape = end.scores.shape
        if math.prod(shape) != math.prod(shape[:2]):
            what = f"the net says classes of places: {end.scores.blob!r} is {show(shape)}"
            raise NetError(what, None, "a net that classifies whole images can be fine-tuned")


def is_feed(layer: Message) -> bool:
    """Whether a layer reads data, as those of a train_val do."""
    known = REGISTRY.get(layer.type)
    return bool(known and known.is_data and not len(layer.bottom) and layer.type != "Input")


def _inputs(graph: Graph, trains: bool) -> tuple[str, str]:
    """The blobs of the images and of the labels."""
    makers = [node for node in graph.nodes if node.layer.is_data]
    blobs = [value.blob for node in makers for value in node.outputs]
    if len(blobs) != (2 if trains else 1) or len(makers) != 1:
        what = f"the net takes {', '.join(blobs) or 'nothing'}"
        wanted = "one layer that gives images and labels" if trains else "one input, of images"
        raise NetError(f"{what}; {wanted}, can be fine-tuned", None, "give its deploy net")
    return blobs[0], blobs[1] if trains else ""


def _training(asked: Asked, loaded: Loaded) -> Graph:
    """The training net, with the shape of its data or, where they are not here, of its crops."""
    chosen = api.selected(loaded, Selection("TRAIN"))
    numbered = [(i, layer) for i, layer in enumerate(chosen.message.layer) if is_feed(layer)]
    feeds = [(i, layer) for i, layer in numbered if len(layer.top) == 2]
    if len(numbered) != 1 or not feeds:
        names = ", ".join(repr(layer.name) for _, layer in numbered) or "none"
        what = f"the net has the data layers {names} in TRAIN; one that gives images and labels"
        raise NetError(f"{what}, can be fine-tuned", None, "give its deploy net")
    ((index, feed),) = feeds
    shapes = api.shapes_of_data(chosen, "TRAIN", index)
    if not shapes:
        transforms = _transforms([one for one in loaded.message.layer if is_feed(one)])
        channels = _channels(asked, loaded, feed.top[0], transforms)
        size = _sides(asked, loaded, transforms, channels)
        shapes = {feed.top[0]: (1, channels, *size), feed.top[1]: (1,)}
    return api.graph_of(loaded, Selection("TRAIN", shapes=dict(shapes)))


def _sides(
    asked: Asked, loaded: Loaded, transforms: Sequence[Any], channels: int
) -> tuple[int, int]:
    for transform in transforms:
        if transform.crop_size:
            return transform.crop_size, transform.crop_size
    if asked.size:
        return asked.size
    mean = _mean_file(loaded, transforms, channels)
    if mean is None or mean.ndim != 3:
        raise NetError("the net states no crop_size and its data are not here", None, _SIZE)
    return mean.shape[1], mean.shape[2]


def _channels(asked: Asked, loaded: Loaded, data: str, transforms: Sequence[Any]) -> int:
    """1 or 3, as the transformations say, else the filters of the layer that reads the images."""
    told = (asked.mean or "").count(",") + 1
    stated = told if told > 1 else channels_stated(transforms)
    reader = next((one for one in loaded.message.layer if data in one.bottom), None)
    if stated or reader is None or reader.type != "Convolution":
        return stated or 3
    for path in split_paths(asked.weights):
        for layer in open_weights(path).layers:
            blob = layer.blobs[0] if layer.name == reader.name and layer.blobs else None
            if blob is not None and len(blob.shape) == 4:
                return int(blob.shape[1]) * int(reader.convolution_param.group)
    return 3


def _transforms(feeds: Sequence[Message]) -> tuple[Message, Message]:
    """The transform_params of TRAIN and of TEST."""
    train, test = of_phases(feeds)
    return feeds[train].transform_param, feeds[test].transform_param


def of_phases(feeds: Sequence[Message]) -> tuple[int, int]:
    """Which data layer is of TRAIN and which of TEST; the first where a phase has none."""
    rules = [[rule.phase for rule in feed.include if rule.HasField("phase")] for feed in feeds]
    chosen = [
        next((i for i, stated in enumerate(rules) if not stated or phase in stated), 0)
        for phase in (0, 1)
    ]
    return chosen[0], chosen[1]


def _mean(asked: Asked, loaded: Loaded, feeds: Sequence[Any], channels: int) -> Array | None:
    """The mean that a person says, else the one of the net's own data; None where neither is."""
    import numpy as np

    if asked.mean is not None:
        return told_mean(asked.mean, channels)
    if not feeds:
        return None
    transforms = _transforms(feeds)
    if len(transforms[0].mean_value):
        return np.broadcast_to(np.array(transforms[0].mean_value), (channels,))
    return _mean_file(loaded, transforms, channels)


def _mean_file(loaded: Loaded, transforms: Sequence[Any], channels: int) -> Array | None:
    name = transforms[0].mean_file
    if not name:
        return None
    try:
        return mean_of_file(found(name, loaded.folder), channels)
    except NetError as error:
        hint = "it is the mean of the images that the net was trained on: say it by --mean"
        raise NetError(error.message, None, hint) from None


def with_mean(given: Pretrained, mean: Array) -> Pretrained:
    """The same with a mean that was measured."""
    return replace(given, prepared=replace(given.prepared, mean=mean))
