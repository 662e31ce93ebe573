"""Which axis of an input counts the images, or sequences, of a batch."""

from __future__ import annotations

from protonet.graph import Graph, Value
from protonet.layers.contrib.lstm import LstmLayer
from protonet.layers.lstm_unit import LSTMUnit
from protonet.layers.recurrent import Recurrent

BATCH = "batch"  # its name where it is free


def batch_axis(graph: Graph, value: Value) -> int:
    """The second axis where a recurrent layer reads the value with time first, else the first."""
    for node in graph.nodes:
        layer = node.layer
        if not isinstance(layer, Recurrent | LstmLayer | LSTMUnit):
            continue
        static = node.inputs[2:3] if isinstance(layer, Recurrent) and layer.static else ()
        if value in node.inputs and value not in static:
            return 1
    return 0


def batch_axes(graph: Graph) -> dict[Value, int]:
    """The inputs that have as many images as the first one, with the axis that counts them."""
    found = {value: batch_axis(graph, value) for value in graph.inputs}
    found = {value: axis for value, axis in found.items() if axis < len(value.shape)}
    if not graph.inputs or graph.inputs[0] not in found:
        return {}
    own = images(graph)
    return {value: axis for value, axis in found.items() if value.shape[axis] == own}


def images(graph: Graph) -> int:
    """How many images the first input has."""
    first = graph.inputs[0]
    return int(first.shape[batch_axis(graph, first)])


def with_images(shape: tuple[int, ...], axis: int, count: int) -> tuple[int, ...]:
    """The shape with so many images."""
    return (*shape[:axis], count, *shape[axis + 1 :])
