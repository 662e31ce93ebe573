"""The weights that a fine-tuning begins with: what of them fits the new net."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protonet.diagnostics import NetError
from protonet.finetuning.asked import Asked
from protonet.finetuning.source import Pretrained
from protonet.graph import Graph
from protonet.schema.pool import message
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.convert import wanted
from protonet.weights.match import Match, listed, match
from protonet.weights.read import Variants, open_weights, split_paths
from protonet.weights.stored import StoredNet

_COPY = "pretrained.caffemodel"
_CAFFES = ("caffemodel", "hdf5")


@dataclass(frozen=True)
class Taken:
    """Files, what of them goes into the net, and the net."""

    stored: Sequence[StoredNet]
    match: Match
    graph: Graph

    @property
    def told(self) -> str:
        """What begins with what, in words."""
        count = len({layer.name for layer in self.match.layers if layer.blobs})
        told = f"{count} layers from {', '.join(net.path for net in self.stored)}"
        if self.match.missing:
            told += f"; with their fillers: {listed(self.match.missing)}"
        return told

    def paths(self, folder: Path, target: Path) -> list[str]:
        """The files as seen from the folder that becomes ``target``.

        What is no file of Caffe's is written there as one, so that its solver can name it.
        """
        if all(net.format in _CAFFES for net in self.stored):
            return [_seen_from(net.path, target) for net in self.stored]
        kept = {layer.name: [np.asarray(b) for b in layer.blobs] for layer in self.match.layers}
        net = message("NetParameter")
        net.name = self.graph.definition.name
        net.layer.extend(layer for layer in self.graph.definition.layer if kept.get(layer.name))
        write_caffemodel(folder / _COPY, net, kept, encoding=self.graph.encoding)
        return [_COPY]


def _seen_from(path: str, folder: Path) -> str:
    try:
        return os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return os.path.abspath(path)


def fitted(asked: Asked, net: Graph, given: Pretrained, variants: Variants) -> Taken:
    """Open the files, and look at what fits. NetError where layers would learn from nothing.

    ``net`` is the new one; ``variants`` are the forms of the old one.
    """
    stored = [open_weights(path, variants) for path in split_paths(asked.weights)]
    own, old = wanted(net), wanted(given.graph)
    new = {name for name, blobs in own.items() if blobs and name not in old}
    places = {name: blobs for name, blobs in own.items() if name not in new}
    found = match(stored, places)
    found.missing += sorted(new)
    bare = [name for name in found.missing if name not in new and not _has_filler(net, name)]
    if bare:
        what = f"{asked.weights} has nothing for {listed(bare)}, and the net states no filler there"
        raise NetError(what, None, "are these the weights of this net? its train_val has fillers")
    return Taken(stored, found, net)


def _has_filler(net: Graph, name: str) -> bool:
    """Whether a layer's weights begin with something that is not zero everywhere."""
    node = next(node for node in net.nodes if node.name == name)
    first = node.blobs[0] if node.blobs else None
    filler = first.filler if first is not None else None
    return filler is None or filler.type != "constant" or bool(filler.value)
