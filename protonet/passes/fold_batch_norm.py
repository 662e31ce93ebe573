"""BatchNorm, with the Scale that follows it, as torch's own BatchNorm."""

from __future__ import annotations

from collections.abc import Sequence

from protonet.graph.graph import Graph, Node
from protonet.graph.replace import replace
from protonet.layers.base import Layer
from protonet.layers.batch_norm import BatchNormLayer, FoldedBatchNorm
from protonet.layers.scale import ScaleLayer


def fold_batch_norm(graph: Graph) -> Graph:
    """Replace BatchNorm layers that use stored statistics; training ones keep Caffe's blobs."""
    if graph.phase != "TEST":
        return graph
    runs: dict[Node, Sequence[Node]] = {}
    for node, following in zip(graph.nodes, [*graph.nodes[1:], None], strict=True):
        if _folds(node):
            scale = following if following is not None and _scales(node, following) else None
            runs[scale or node] = (node, scale) if scale else (node,)
    return replace(graph, runs, _folded) if runs else graph


def _folds(node: Node) -> bool:
    layer = node.layer
    shared = any(param.name for param in node.params)
    return isinstance(layer, BatchNormLayer) and layer.folds(node.inputs[0].shape) and not shared


def _scales(node: Node, following: Node) -> bool:
    """Whether a layer is a Scale by channel with a bias that alone reads the normalised values."""
    layer, (normalised,) = following.layer, node.outputs
    assert isinstance(node.layer, BatchNormLayer)
    if node.layer.scales or not isinstance(layer, ScaleLayer) or following.inputs != node.outputs:
        return False
    alone = normalised.uses == 1 and not any(param.name for param in following.params)
    kept = following.outputs[0].blob == normalised.blob
    return layer.shifts_channels(normalised.shape) and alone and kept


def _folded(run: Sequence[Node]) -> Layer:
    return FoldedBatchNorm([node.layer for node in run])
