"""Inputs, outputs, values and weights of a model with the names that Caffe has for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import onnx_ir as ir

from protonet.exporting.node_names import LAYER, blobs_of
from protonet.exporting.steps import Steps
from protonet.exporting.traced import Traced
from protonet.exporting.value_names import output_name, value_name
from protonet.graph import Value
from protonet.lowering import Lowered
from protonet.plain import plain
from protonet.runtime.place import owned


def name_values(model: ir.Model, traced: Traced, outputs: Sequence[str]) -> None:
    """Give values their blobs' names, and let the model return the ``outputs`` alone."""
    graph, steps = model.graph, traced.steps
    found = dict(zip(steps.values, graph.outputs, strict=True))
    _drop_counts(graph, steps, found)
    for number, value in enumerate(_all_values(model)):
        value.name = f"%{number}"  # no other name is in the way of a blob's
    _name_sizes(model, traced)
    taken = blobs_of(model)
    named: dict[ir.Value, str] = {}
    for state in [*steps.inputs, *_in_order(steps, outputs)]:
        made = found[state]
        if made not in named and not made.is_initializer():
            named[made] = _free(value_name(steps.lowered.graph, state), taken)
    for made, name in named.items():
        made.name = name
    _name_weights(graph, traced.steps.lowered, taken)
    net = steps.lowered.graph
    graph.outputs.clear()
    for blob in outputs:
        layer = plain(net.blobs[blob].producer.name)
        made = found[net.blobs[blob]]
        graph.outputs.append(_output(graph, made, output_name(net, blob), layer))
        taken.add(output_name(net, blob))


def _in_order(steps: Steps, outputs: Sequence[str]) -> list[Value]:
    """Values in the order in which they choose their names: one may be that of several blobs."""
    final = steps.lowered.graph.blobs
    wanted = [final[blob] for blob in outputs]
    last = [value for value in steps.values if final.get(value.blob) is value]
    return [*wanted, *last, *steps.values]


def _free(name: str, taken: set[str]) -> str:
    free = name
    while free in taken:
        free += "_"
    taken.add(free)
    return free


def _output(graph: ir.Graph, value: ir.Value, name: str, layer: str) -> ir.Value:
    """The value under an output's own name: an Identity where it has another's already."""
    if value.name == name and value not in graph.outputs and value.producer() is not None:
        return value
    own = ir.Value(name=name, shape=value.shape, type=value.type)
    node = ir.Node("", "Identity", [value], outputs=[own])
    node.meta[LAYER] = layer
    graph.append(node)
    return own


def _name_weights(graph: ir.Graph, lowered: Lowered, taken: set[str]) -> None:
    """Initializers by layer and blob: conv1.weight."""
    names = {
        f"net.{place.path}": f"{plain(param.owner.name)}.{param.blob.name}"
        for param, place in owned(lowered).items()
    }
    for value in list(graph.initializers.values()):
        name = names.get(value.name or "")
        if name:
            value.name = _free(name, taken)


def _drop_counts(graph: ir.Graph, steps: Steps, found: dict[Value, ir.Value]) -> None:
    """Take away the inputs that stood for numbers of rows: their sizes are those of the tops."""
    counts = graph.inputs[len(steps.inputs) :]
    for index, count in zip(steps.growing, counts, strict=True):
        stage = steps.layers[index].stage
        top, axis = found[stage.tops[0]], stage.node.layer.grows
        assert axis is not None
        for use in list(count.uses()):
            node = use.node
            assert node.op_type == "Shape", f"{node.op_type} reads a number of rows"
            node.replace_input_with(use.idx, top)
            node.attributes["start"] = ir.AttrInt64("start", axis)
            node.attributes["end"] = ir.AttrInt64("end", axis + 1)
        graph.inputs.remove(count)
    if counts:
        graph.sort()


def _name_sizes(model: ir.Model, traced: Traced) -> None:
    """Sizes that are free under names that say what they are."""
    names = sizes(traced)
    for value in _all_values(model):
        if value.shape is None or not any(isinstance(n, ir.SymbolicDim) for n in value.shape):
            continue
        dims = [n if isinstance(n, int) else _named(n, names) for n in value.shape]
        value.shape = ir.Shape(dims)


def _named(size: ir.SymbolicDim, names: dict[str, str]) -> str | None:
    if size.value is None:
        return None
    return re.sub(r"\b[su]\d+\b", lambda m: names.get(m[0], m[0]), str(size.value))


def sizes(traced: Traced) -> dict[str, str]:
    """Torch's symbol of every free size, with the name that it is to have."""
    steps = traced.steps
    given = [node for node in traced.program.graph.nodes if node.op == "placeholder"]
    given = given[-(len(steps.inputs) + len(steps.growing)) :]
    found: dict[str, str] = {}
    for own, node in zip(traced.axes, given, strict=False):
        for axis, name in own.items():
            found.setdefault(str(node.meta["val"].shape[axis]), name)
    for index, node in zip(steps.growing, given[len(steps.inputs) :], strict=True):
        top = steps.layers[index].stage.tops[0]
        found[str(node.meta["val"].shape[0])] = f"{plain(top.blob)}_rows"
    return found


def _all_values(model: ir.Model) -> list[ir.Value]:
    made = [value for node in model.graph for value in node.outputs]
    return [*model.graph.inputs, *made]
