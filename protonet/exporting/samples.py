"""Inputs for a trial: random, and such as the layers that read them take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protonet.arrays import Array
from protonet.graph import Graph, Node, Value
from protonet.layers.base import Layer

_REGIONS = {"ROIPooling", "PSROIPooling", "ROIAlign"}
_SIZES = {"Proposal", "rpn.proposal_layer.ProposalLayer"}
_RECURRENT = {"LSTM", "RNN"}
_LABELS = {"Accuracy", "SegAccuracy", "InfogainLoss", "CenterLoss"}


def samples(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], spread: float, seed: int
) -> dict[str, Array]:
    """Numbers for every input, those of images so far from zero."""
    random = np.random.default_rng(seed)
    return {v.blob: _sample(graph, v, shapes, spread, random) for v in graph.inputs}


def _sample(
    graph: Graph,
    value: Value,
    shapes: Mapping[str, tuple[int, ...]],
    spread: float,
    random: np.random.Generator,
) -> Array:
    shape = shapes.get(value.blob, value.shape)
    for node in graph.nodes:
        for index, bottom in enumerate(node.inputs):
            if bottom is value:
                found = _for(node, index, graph, shape, shapes, random)
                if found is not None:
                    return found.astype(np.float32)
    return (random.standard_normal(shape) * (spread if len(shape) == 4 else 1)).astype(np.float32)


def _for(
    node: Node,
    index: int,
    graph: Graph,
    shape: tuple[int, ...],
    shapes: Mapping[str, tuple[int, ...]],
    random: np.random.Generator,
) -> Array | None:
    """Numbers that a layer takes at a bottom; None where any will do."""
    kind = node.layer.type
    if kind in _REGIONS and index == 1:
        high, wide = node.inputs[0].shape[2:]
        scale = _scale(node.layer)
        return _regions(shape, high / scale, wide / scale, random)
    if kind in _SIZES and index == 2:
        return _image_sizes(graph, shape, shapes)
    if kind in _RECURRENT and index == 1:
        return np.minimum(1, np.arange(shape[0]))[:, None] * (random.random(shape) > 0.2)
    if kind == "Embed":
        return random.integers(0, node.layer.p.input_dim, shape)
    if kind == "BatchReindex" and index == 1:
        there = node.inputs[0]
        return random.integers(0, shapes.get(there.blob, there.shape)[0], shape)
    if kind == "Upsample" and index == 1:
        return _places(shape)
    if kind == "Filter" and index == len(node.inputs) - 1:
        return np.arange(int(np.prod(shape))).reshape(shape) % 2
    if (node.layer.is_loss or kind in _LABELS) and index == 1 and node.inputs[0].shape != shape:
        return random.integers(0, 2, shape)
    return None


def _places(shape: tuple[int, ...]) -> Array:
    """A place for every element in a map twice as high and wide, no two the same."""
    rows, columns = 2 * np.arange(shape[2])[:, None], 2 * np.arange(shape[3])
    return np.broadcast_to(rows * 2 * shape[3] + columns, shape)


def _scale(layer: Layer) -> float:
    averages = layer.message.HasField("roi_align_param")
    p = layer.message.roi_align_param if averages else layer.p
    return float(p.spatial_scale)


def _regions(
    shape: tuple[int, ...], high: float, wide: float, random: np.random.Generator
) -> Array:
    """Regions of image 0 inside a map, in rows of image, x1, y1, x2, y2."""
    corners = random.random((shape[0], 2, 2)) * [wide - 1, high - 1]
    corners.sort(axis=1)
    rows = np.concatenate([np.zeros((shape[0], 1)), corners.reshape(-1, 4)], axis=1)
    return rows.reshape(shape)


def _image_sizes(
    graph: Graph, shape: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]
) -> Array:
    """Height, width and scales of the images, as their own input has them."""
    images = [shapes.get(v.blob, v.shape) for v in graph.inputs if len(v.shape) == 4]
    high, wide = images[0][2:] if images else (64, 64)
    row = [high, wide, *[1.0] * (shape[1] - 2)]
    return np.tile(np.array(row), (shape[0], 1))
