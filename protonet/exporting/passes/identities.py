"""Identities out of the graph; the value takes the name that a blob's reader looks for."""

from __future__ import annotations

import onnx_ir as ir

from protonet.exporting.node_names import blobs_of


def drop_identities(model: ir.Model) -> None:
    """Take Identity nodes away, but those that give an output a name of its own."""
    graph, blobs = model.graph, blobs_of(model)
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
        elif made.name in blobs and not fixed:
            made.name, given.name = None, made.name
        made.replace_all_uses_with(given)
        graph.remove(node, safe=True)


def _take_place(graph: ir.Graph, given: ir.Value, made: ir.Value) -> None:
    name = made.name
    made.name = None
    given.name = name
    for index, output in enumerate(graph.outputs):
        if output is made:
            graph.outputs[index] = given
