"""BatchNorm, with the Scale that follows it, as torch's own BatchNorm."""

from __future__ import annotations

from typing import Any

from protonet.graph.graph import Graph, Node
from protonet.layers.base import Layer, Shape
from protonet.program import Builder, Expr, nn, single

_BY_AXES = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class FoldedBatchNorm(Layer):
    """Normalise by stored statistics, then scale and shift: nn.BatchNorm with Caffe's blobs."""

    type = "BatchNorm"
    may_run_in_place = True

    def __init__(self, norm: Node, scale: Node | None) -> None:
        super().__init__(norm.layer.message, norm.layer.phase)
        self.norm, self.scale = norm, scale
        vars(self)["blobs"] = (*norm.layer.blobs, *(("weight", "bias") if scale else ()))

    def places(
        self, name: str, attribute: str, params: tuple[Any, ...]
    ) -> dict[str, list[tuple[str, Shape, str]]]:
        mean, variance, factor = params[:3]
        found = {
            name: [
                (f"{attribute}.running_mean", mean.shape, "folded"),
                (f"{attribute}.running_var", variance.shape, "folded"),
                ("", factor.shape, "factor"),
            ]
        }
        if self.scale:
            found[self.scale.name] = [
                (f"{attribute}.{blob}", p.shape, "plain")
                for blob, p in zip(("weight", "bias"), params[3:], strict=True)
            ]
        return found

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        channels = b.bottoms[0][1]
        eps = single(self.message.batch_norm_param.eps)
        affine = self.scale is not None
        return b.module(_BY_AXES[len(b.bottoms[0])], channels, eps=eps, affine=affine)(x)


def fold_batch_norm(graph: Graph) -> Graph:
    """Replace BatchNorm layers that use stored statistics; training ones keep Caffe's blobs."""
    if graph.phase != "TEST":
        return graph
    nodes: list[Node] = []
    absorbed: set[Node] = set()
    for index, node in enumerate(graph.nodes):
        if node in absorbed:
            continue
        if _folds(node):
            scale = _scale_after(graph, index)
            absorbed.update([scale] if scale else [])
            nodes.append(_folded(node, scale))
        else:
            nodes.append(node)
    graph.nodes = nodes
    return graph


def _folds(node: Node) -> bool:
    stored = node.type == "BatchNorm" and node.layer.param == "batch_norm_param"
    if not stored or len(node.params) != 3 or len(node.inputs[0].shape) not in _BY_AXES:
        return False
    p = node.layer.p
    forced = p.HasField("use_global_stats") and not p.use_global_stats
    return not forced and not any(param.name for param in node.params)


def _scale_after(graph: Graph, index: int) -> Node | None:
    """The next layer, where it is a Scale by channel with a bias that alone reads the result."""
    node = graph.nodes[index]
    following = graph.nodes[index + 1] if index + 1 < len(graph.nodes) else None
    if following is None or following.type != "Scale" or following.inputs != node.outputs:
        return None
    p = following.layer.p
    plain = p.bias_term and p.axis in (1, 1 - len(node.outputs[0].shape)) and p.num_axes == 1
    alone = node.outputs[0].uses == 1 and not any(param.name for param in following.params)
    kept = following.outputs[0].blob == node.outputs[0].blob
    return following if plain and alone and kept else None


def _folded(node: Node, scale: Node | None) -> Node:
    last = scale or node
    params = (*node.params, *(scale.params if scale else ()))
    layer = FoldedBatchNorm(node, scale)
    folded = Node(node.name, node.type, layer, node.span, node.path, node.inputs, last.outputs)
    folded.params, folded.loss_weights = params, last.loss_weights
    folded.propagate_down = node.propagate_down
    for value in folded.outputs:
        value.producer = folded
    return folded
