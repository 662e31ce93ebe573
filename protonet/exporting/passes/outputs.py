"""The ends of a graph: inputs that are read, outputs that nodes give, shapes that are known."""

from __future__ import annotations

import onnx_ir as ir


def settle_outputs(model: ir.Model) -> None:
    """Let every output be a node's, for runtimes take no constant for one; ask for no more inputs.

    Shapes that torch.onnx may have noted wrongly are left out.
    """
    graph = model.graph
    for value in list(graph.inputs):
        if not value.uses() and not value.is_graph_output():
            graph.inputs.remove(value)
    for index, output in enumerate(graph.outputs):
        if not output.is_initializer():
            continue
        name = output.name
        output.name = f"{name}.value"
        made = ir.Value(name=name, shape=output.shape, type=output.type)
        graph.append(ir.Node("", "Identity", [output], outputs=[made]))
        graph.outputs[index] = made
    for node in graph:
        for value in node.outputs:
            if value.type is None or _is_doubtful(value):
                value.shape = None


def _is_doubtful(value: ir.Value) -> bool:
    """Whether torch.onnx may note a wrong shape: one number, where a loss has one an item."""
    return value.shape is not None and len(value.shape) == 0 and not value.is_graph_output()
