"""BatchNorm, with the Scale that follows it, as torch's own BatchNorm."""

from __future__ import annotations

from typing import Any

from protonet.graph.graph import Graph, Node
from protonet.layers.base import Layer
from protonet.program import Builder, Expr, nn
from protonet.shape import Shape

# Where torch keeps Caffe's statistics, and how; the divisor is gone.
_IN_TORCH = {
    "mean": ("running_mean", "folded"),
    "variance": ("running_var", "folded"),
    "factor": ("", "factor"),
}
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
        own = len(self.norm.layer.blobs)
        found = {name: _places(attribute, self.norm.layer.blobs, params[:own])}
        if self.scale:
            found[self.scale.name] = _places(attribute, ("weight", "bias"), params[own:])
        return found

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        layer: Any = self.norm.layer
        affine = self.scale is not None or layer.scales
        return b.module(
            _BY_AXES[len(b.bottoms[0])], b.bottoms[0][1], eps=layer.eps(), affine=affine
        )(x)


def _places(
    attribute: str, blobs: tuple[str, ...], params: tuple[Any, ...]
) -> list[tuple[str, Shape, str]]:
    found = []
    for blob, param in zip(blobs, params, strict=True):
        name, kind = _IN_TORCH.get(blob, (blob, "plain"))
        found.append((f"{attribute}.{name}" if name else "", param.shape, kind))
    return found


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
    layer: Any = node.layer
    if not stored or len(node.inputs[0].shape) not in _BY_AXES:
        return False
    p = node.layer.p
    if layer.scales and "bias" not in layer.blobs:
        return False
    forced = p.HasField("use_global_stats") and not p.use_global_stats
    forced = forced and (layer.of_intel or not layer.scales)
    return not forced and not any(param.name for param in node.params)


def _scale_after(graph: Graph, index: int) -> Node | None:
    """The next layer, where it is a Scale by channel with a bias that alone reads the result."""
    node = graph.nodes[index]
    following = graph.nodes[index + 1] if index + 1 < len(graph.nodes) else None
    layer: Any = node.layer
    if layer.scales or following is None:
        return None
    if following.type != "Scale" or following.inputs != node.outputs:
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
