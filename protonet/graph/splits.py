"""What Caffe refuses as it splits a blob for its readers: overwriting it, weights left over."""

from __future__ import annotations

from protonet.graph.graph import Graph, Node, Value


def overwrites(node: Node, index: int, graph: Graph) -> str | None:
    """Why the top at that index can't take its bottom's place. Source: InsertSplits, AppendTop.

    Caffe gives each reader of a blob a copy under a name of its own, so that the in-place top of
    one of several readers is a second source of the blob.
    """
    value = node.inputs[index]
    if sum(other is value for other in node.inputs) > 1:
        return f"it can't work in-place on {value.blob!r}, since it reads it twice"
    for other in graph.nodes if value.uses > 1 else ():
        if value in other.inputs:
            return f"it can't work in-place on {value.blob!r}: layer {other.name!r} reads it, too"
    if _is_weighed(value):
        return f"it can't work in-place on {value.blob!r}, which has a loss_weight"
    return None


def misweighed(node: Node) -> str | None:
    """What is wrong with the number of loss weights. Source: Layer::SetLossWeights, InsertSplits.

    The weights of a layer go to a split, with its weighed top, where another layer reads that
    top; then they are not counted.
    """
    given, tops = len(node.layer.message.loss_weight), len(node.outputs)
    if any(value.uses and _is_weighed(value) for value in node.outputs):
        given = 0
    if not given:
        given = 1 if node.layer.is_loss else tops
    if given == tops:
        return None
    times = "once" if given == 1 else f"{given} times"
    return f"loss_weight is given {times} for {tops} top{'' if tops == 1 else 's'}"


def _is_weighed(value: Value) -> bool:
    """Whether the definition gives that top a loss_weight other than 0."""
    node = value.producer
    pairs = zip(node.outputs, node.layer.message.loss_weight, strict=False)
    return any(top is value and weight != 0 for top, weight in pairs)
