"""Weights from one kind of file into another, through the layers of a net."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.graph import Graph, Node, Param
from protonet.weights.match import Match, Wanted, listed, match
from protonet.weights.stored import BlobLike, StoredLayer, StoredNet

LayerBlobs = dict[str, list[Array]]


@dataclass(frozen=True)
class Gathered:
    """Every blob of a net, and every gradient where the files have them all."""

    blobs: LayerBlobs
    diffs: LayerBlobs | None
    match: Match


def wanted(graph: Graph) -> dict[str, list[Wanted]]:
    """The blobs that each layer of a net takes. Of two layers of one name Caffe takes the first."""
    found: dict[str, list[Wanted]] = {}
    seen: set[Any] = set()
    for node in graph.nodes:
        pairs = zip(node.params, node.blobs, strict=True)
        found.setdefault(node.name, [Wanted(blob.shape, param in seen) for param, blob in pairs])
        seen.update(node.params)
    return found


def gather(stored: Sequence[StoredNet], graph: Graph, strict: bool = False) -> Gathered:
    """The weights of a whole net out of files, in the net's own shapes.

    NetError where a layer of the net is in no file, or does not fit.
    """
    places = wanted(graph)
    matched = match(stored, places, strict)
    if matched.missing:
        paths = ", ".join(net.path for net in stored)
        what = f"{paths}: the net's {listed(matched.missing)} is not there"
        raise NetError(what, None, "name a further file after a comma, or the net's own prototxt")
    first = {node.name: node for node in reversed(graph.nodes)}
    values, gradients = _values(matched.layers, first)
    blobs: LayerBlobs = {}
    diffs: LayerBlobs = {}
    for node in graph.nodes:
        if not node.params or node is not first[node.name]:
            continue
        pairs = list(zip(node.params, (w.shape for w in places[node.name]), strict=True))
        blobs[node.name] = [np.asarray(values[param]).reshape(shape) for param, shape in pairs]
        given = [(gradients.get((node.name, i)), shape) for i, (_, shape) in enumerate(pairs)]
        if all(gradient is not None for gradient, _ in given):
            diffs[node.name] = [np.asarray(g).reshape(shape) for g, shape in given]
    return Gathered(blobs, diffs if diffs.keys() == blobs.keys() and diffs else None, matched)


def _values(
    layers: Sequence[StoredLayer], nodes: Mapping[str, Node]
) -> tuple[dict[Param, BlobLike], dict[tuple[str, int], BlobLike | None]]:
    """The blob of each parameter, and the gradients of each layer.

    Of a parameter that layers share the last one counts, as where a net is loaded.
    """
    values: dict[Param, BlobLike] = {}
    gradients: dict[tuple[str, int], BlobLike | None] = {}
    for layer in layers:
        pairs = zip(nodes[layer.name].params, layer.blobs, strict=False)
        for index, (param, blob) in enumerate(pairs):
            values.update({} if blob is None else {param: blob})
            gradients[layer.name, index] = getattr(blob, "diff", None)
    return values, gradients
