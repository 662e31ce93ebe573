"""The names that values and outputs of a net have in a file."""

from __future__ import annotations

from protonet.graph import Graph, Value
from protonet.plain import plain


def value_name(graph: Graph, value: Value) -> str:
    """A blob's name for an input, else for its last value.

    Another state of the blob, which a layer in place writes over, has the layer's name with it.
    """
    inputs = {own.blob for own in graph.inputs}
    is_final = graph.blobs.get(value.blob) is value and value.blob not in inputs
    if is_final or value in graph.inputs:
        return plain(value.blob)
    return f"{plain(value.blob)}.{plain(value.producer.name)}"


def output_name(graph: Graph, blob: str) -> str:
    """An output's name: its blob's, but where an input has that one."""
    value = graph.blobs[blob]
    if value in graph.inputs:
        return f"{plain(blob)}.{plain(value.producer.name)}"
    return value_name(graph, value)
