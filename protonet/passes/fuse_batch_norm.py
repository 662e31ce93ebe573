"""BatchNorm and the Scale that follows it in one step, by Caffe's own statistics."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.graph.graph import Graph, Node
from protonet.graph.replace import replace
from protonet.layers.base import Layer
from protonet.layers.batch_norm import BatchNormLayer, FusedBatchNorm
from protonet.layers.scale import ScaleLayer


def fuse_batch_norm(graph: Graph) -> Graph:
    """Replace each BatchNorm with the Scale behind it, wherever the statistics come from.

    The blobs stay Caffe's, three and two.
    """
    pairs = zip(graph.nodes, graph.nodes[1:], strict=False)
    runs = {scale: (norm, scale) for norm, scale in pairs if _fuses(norm, scale)}
    return replace(graph, runs, _fused) if runs else graph


def _fuses(norm: Node, scale: Node) -> bool:
    """Whether a layer is a Scale by channel that works in place on what a BatchNorm gives."""
    layer, factor = norm.layer, scale.layer
    if not isinstance(layer, BatchNormLayer) or not isinstance(factor, ScaleLayer):
        return False
    (normalised,), (scaled,) = norm.outputs, scale.outputs
    alone = scale.inputs == norm.outputs and normalised.uses == 1
    plain = not layer.scales and factor.scales_channels(normalised.shape)
    shared = any(param.name for param in (*norm.params, *scale.params))
    learned = all(scale.propagate_down)
    return alone and plain and learned and not shared and normalised.blob == scaled.blob


def _fused(run: Sequence[Node]) -> Layer:
    return FusedBatchNorm([node.layer for node in run])
