"""Sizes of outputs that follow from sizes of inputs which are free."""

from __future__ import annotations

from dataclasses import replace

from protonet.api import graph_of
from protonet.exporting.batches import BATCH, images
from protonet.exporting.options import AXES, DYNAMIC, ExportOptions
from protonet.exporting.source import Exported, trial_shapes
from protonet.exporting.written import BlobSizes
from protonet.graph import Graph


def output_sizes(exported: Exported, options: ExportOptions) -> dict[str, BlobSizes]:
    """The outputs' shapes, a free size by its name where it is that of the input, else None."""
    graph = exported.graph
    found: dict[str, list[int | str | None]] = {
        blob: [*graph.blobs[blob].shape] for blob in exported.outputs()
    }
    for name in (*[BATCH] * (options.batch == DYNAMIC), *options.dynamic):
        other = _with_more(exported, options, name)
        of_input = _size(graph, name), _size(other, name)
        for blob, sizes in found.items():
            own = zip(graph.blobs[blob].shape, other.blobs[blob].shape, strict=True)
            for axis, pair in enumerate(own):
                if pair[0] != pair[1]:
                    sizes[axis] = name if pair == of_input else None
    return {blob: tuple(sizes) for blob, sizes in found.items()}


def _with_more(exported: Exported, options: ExportOptions, name: str) -> Graph:
    """The net with more of one free size alone."""
    alone = () if name == BATCH else (name,)
    only = replace(options, batch=DYNAMIC if name == BATCH else None, dynamic=alone)
    more = images(exported.graph) + 1 if name == BATCH else 0
    shapes = trial_shapes(exported.graph, only, more, 32)
    selection = replace(exported.selection, shapes={**exported.selection.shapes, **shapes})
    return graph_of(exported.source, replace(selection, outputs=None))


def _size(graph: Graph, name: str) -> int:
    """How large a free size of the inputs is."""
    if name == BATCH:
        return images(graph)
    maps = (value.shape for value in graph.inputs if len(value.shape) == 4)
    return next((shape[2 + AXES.index(name)] for shape in maps), 0)
