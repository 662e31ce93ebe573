"""Weights from one kind of file into another, through the layers of a net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.diagnostics import NetError
from protonet.graph import Graph
from protonet.weights.match import Match, Wanted, listed, match
from protonet.weights.stored import Array, Blob, StoredLayer, StoredNet

Blobs = dict[str, list[Array]]


@dataclass(frozen=True)
class Gathered:
    """Every blob of a net, and every gradient where the files have them all."""

    blobs: Blobs
    diffs: Blobs | None
    match: Match


def wanted(graph: Graph) -> dict[str, list[Wanted]]:
    """The blobs that each layer of a net takes. Of two layers of one name Caffe takes the first."""
    found: dict[str, list[Wanted]] = {}
    seen: set[Any] = set()
    for node in graph.nodes:
        shapes = node.layer.blob_shapes(*(v.shape for v in node.inputs)) if node.params else ()
        pairs = zip(node.params, shapes, strict=False)
        found.setdefault(node.name, [Wanted(shape, param in seen) for param, shape in pairs])
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
    chosen = {layer.name: layer for layer in matched.layers}
    owners = {param: (param.owner.name, param.index) for param in graph.params}
    blobs: Blobs = {}
    diffs: Blobs = {}
    for node in graph.nodes:
        if not node.params or node.name in blobs:
            continue
        layer = chosen.get(node.name, StoredLayer(node.name, node.type, ()))
        given = [*layer.blobs, *[None] * (len(node.params) - len(layer.blobs))]
        shapes = [place.shape for place in places[node.name]]
        blobs[node.name] = [
            _array(blob, blobs, owners[param], shape)
            for blob, param, shape in zip(given, node.params, shapes, strict=True)
        ]
        gradients = [getattr(blob, "diff", None) for blob in given]
        if all(gradient is not None for gradient in gradients):
            pairs = zip(gradients, shapes, strict=True)
            diffs[node.name] = [np.asarray(g).reshape(shape) for g, shape in pairs]
    return Gathered(blobs, diffs if diffs.keys() == blobs.keys() and diffs else None, matched)


def _array(
    blob: Blob | None, blobs: Blobs, owner: tuple[str, int], shape: tuple[int, ...]
) -> Array:
    """The numbers of a blob; where the file left it out, those of the layer that has it."""
    name, index = owner
    given: Array = blobs[name][index] if blob is None else np.asarray(blob)
    return given.reshape(shape)
