"""Inputs for a trial: random, and such as the layers that read them take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Array
from protonet.graph import Graph, Node, Value
from protonet.selection import Shapes


@dataclass(frozen=True)
class _Bottom:
    """A bottom of a layer that is an input of the net: its shape, and those of all inputs."""

    node: Node
    index: int
    shape: tuple[int, ...]
    graph: Graph
    shapes: Shapes
    random: np.random.Generator

    def other(self, index: int) -> tuple[int, ...]:
        """The shape of another bottom of the layer."""
        value = self.node.inputs[index]
        return tuple(self.shapes.get(value.blob, value.shape))


def samples(graph: Graph, shapes: Shapes, spread: float, seed: int) -> dict[str, Array]:
    """Numbers for every input, those of images so far from zero."""
    random = np.random.default_rng(seed)
    return {v.blob: _sample(graph, v, shapes, spread, random) for v in graph.inputs}


def _sample(
    graph: Graph, value: Value, shapes: Shapes, spread: float, random: np.random.Generator
) -> Array:
    shape = tuple(shapes.get(value.blob, value.shape))
    for node in graph.nodes:
        for index, bottom in enumerate(node.inputs):
            if bottom is not value:
                continue
            make = _MAKERS.get((node.layer.type, index))
            if make is None and node.layer.is_loss and index == 1:
                make = _labels
            found = make(_Bottom(node, index, shape, graph, shapes, random)) if make else None
            if found is not None:
                return found.astype(np.float32)
    return (random.standard_normal(shape) * (spread if len(shape) == 4 else 1)).astype(np.float32)


def _regions(bottom: _Bottom) -> Array:
    """Regions of image 0 inside a map, in rows of image, x1, y1, x2, y2."""
    layer = bottom.node.layer
    averages = layer.message.HasField("roi_align_param")
    p = layer.message.roi_align_param if averages else layer.p
    high, wide = (n / p.spatial_scale for n in bottom.other(0)[2:])
    count = bottom.shape[0]
    corners = bottom.random.random((count, 2, 2)) * [wide - 1, high - 1]
    corners.sort(axis=1)
    rows = np.concatenate([np.zeros((count, 1)), corners.reshape(-1, 4)], axis=1)
    return rows.reshape(bottom.shape)


def _image_sizes(bottom: _Bottom) -> Array:
    """Height, width and scales of the images, as their own input has them."""
    images = [bottom.shapes.get(v.blob, v.shape) for v in bottom.graph.inputs if len(v.shape) == 4]
    high, wide = images[0][2:] if images else (64, 64)
    row = [high, wide, *[1.0] * (bottom.shape[1] - 2)]
    return np.tile(np.array(row), (bottom.shape[0], 1))


def _continues(bottom: _Bottom) -> Array:
    """Whether each step of a sequence goes on from the one before, the first from nothing."""
    return (bottom.random.random(bottom.shape) > 0.2).astype(np.float32)


def _words(bottom: _Bottom) -> Array:
    return bottom.random.integers(0, bottom.node.layer.p.input_dim, bottom.shape)


def _items(bottom: _Bottom) -> Array:
    return bottom.random.integers(0, bottom.other(0)[0], bottom.shape)


def _places(bottom: _Bottom) -> Array:
    """A place for every element in a map twice as high and wide, no two the same."""
    rows, columns = 2 * np.arange(bottom.shape[2])[:, None], 2 * np.arange(bottom.shape[3])
    return np.broadcast_to(rows * 2 * bottom.shape[3] + columns, bottom.shape)


def _places_of_its_own(bottom: _Bottom) -> Array:
    """A place for every element in the map that the layer makes."""
    high, wide = bottom.node.outputs[0].shape[2:]
    rows = np.arange(bottom.shape[2])[:, None] * (high // bottom.shape[2])
    columns = np.arange(bottom.shape[3]) * (wide // bottom.shape[3])
    return np.broadcast_to(rows * wide + columns, bottom.shape)


def _labels(bottom: _Bottom) -> Array | None:
    """The first classes; None for a target of the shape of what it is compared with."""
    if bottom.shape == bottom.other(0):
        return None
    return bottom.random.integers(0, 2, bottom.shape)


def _every_second(bottom: _Bottom) -> Array:
    return np.arange(int(np.prod(bottom.shape))).reshape(bottom.shape) % 2


_MAKERS: dict[tuple[str, int], Callable[[_Bottom], Array | None]] = {
    ("ROIPooling", 1): _regions,
    ("PSROIPooling", 1): _regions,
    ("ROIAlign", 1): _regions,
    ("Proposal", 2): _image_sizes,
    ("rpn.proposal_layer.ProposalLayer", 2): _image_sizes,
    ("LSTM", 1): _continues,
    ("RNN", 1): _continues,
    ("Embed", 0): _words,
    ("BatchReindex", 1): _items,
    ("Upsample", 1): _places,
    ("Unpooling", 1): _places_of_its_own,
    ("Filter", 1): _every_second,
    ("Accuracy", 1): _labels,
    ("SegAccuracy", 1): _labels,
    ("EltwiseAccuracy", 1): _labels,
    ("CenterLoss", 1): _labels,
    ("LabeledMatching", 1): _labels,
    ("CosinL2Normalize", 1): _labels,
    ("CosinAddm", 1): _labels,
    ("LabelSpecificAdd", 1): _labels,
    ("LabelSpecificRescale", 1): _labels,
    ("GlobalLSEMargin", 1): _labels,
    ("TripletLoss", 1): _items,
}
