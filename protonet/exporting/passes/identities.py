"""Identities out of the graph; the value takes the name that a blob's reader looks for."""

from __future__ import annotations

import onnx_ir as ir

from protonet.exporting.node_names import BLOB


def drop_identities(model: ir.Model) -> None:
    """Take Identity nodes away, but those that give an output a name of its own."""
    graph = model.graph
    for node in list(graph):
        if node.op_type != "Identity" or node.domain:
            continue
        (given,), (made,) = node.inputs, node.outputs
        assert given is not None
        fixed = given.is_graph_input() or given.is_initializer() or given.is_graph_output()
        if made.is_graph_output() and fixed:
            continue
        if made.is_graph_output():
            _take_place(graph, given, made)
        elif BLOB in made.meta and not fixed:
            given.name, given.meta[BLOB] = made.name, True
        made.replace_all_uses_with(given)
        graph.remove(node, safe=True)


def _take_place(graph: ir.Graph, given: ir.Value, made: ir.Value) -> None:
    name = made.name
    made.name = None
    given.name, given.meta[BLOB] = name, True
    for index, output in enumerate(graph.outputs):
        if output is made:
            graph.outputs[index] = given
