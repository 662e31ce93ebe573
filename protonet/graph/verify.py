"""The invariants of a graph, checked after every pass."""

from protonet.graph.graph import Graph


def verify(graph: Graph) -> Graph:
    """Return the graph; AssertionError where it is not in single assignment form."""
    inputs = set(graph.inputs)
    known = set(inputs)
    for node in graph.nodes:
        for value in node.inputs:
            assert value in known, f"{node.name!r} reads {value.blob!r} before it is made"
        for value in node.outputs:
            assert value.producer is node, f"{value.blob!r} has another producer than {node.name!r}"
            assert value not in known or value in inputs, f"{value.blob!r} is made twice"
        known.update(node.outputs)
        assert len(node.loss_weights) == len(node.outputs), f"{node.name!r} lacks loss weights"
    for value in (*graph.outputs, *graph.blobs.values()):
        assert value in known, f"the blob {value.blob!r} has no producer"
    return graph
