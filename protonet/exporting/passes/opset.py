"""A model in the words of another opset."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript.version_converter import convert_version

from protonet.diagnostics import NetError
from protonet.exporting.options import NATIVE_OPSET
from protonet.exporting.passes.edit import constant, is_operator, numbers_of

_REDUCTIONS = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSumSquare",
)


def opset(model: ir.Model, version: int) -> None:
    """Convert a model. NetError where it has operators that the opset lacks."""
    if version < NATIVE_OPSET:
        for node in list(model.graph):
            _lower(model.graph, node, version)
        model.opset_imports[""] = version
        model.graph.opset_imports[""] = version
        return
    try:
        convert_version(model, version, fallback=True)
    except Exception as error:
        raise NetError(f"the net can't be said in opset {version}: {error}") from error
    found = model.opset_imports.get("", 0)
    if found != version:
        what = f"the net can't be said in opset {version}, only in {found}"
        raise NetError(what, None, f"leave --opset out, or give --opset {found}")


def _lower(graph: ir.Graph, node: ir.Node, version: int) -> None:
    """Say a node as an older opset does; what that lacks, onnx's own check finds."""
    if is_operator(node, *_REDUCTIONS):
        _axes_as_attribute(node)
    if is_operator(node, "Split"):
        node.attributes.pop("num_outputs", None)
    if is_operator(node, "RoiAlign") and version < 16:  # noqa: SIM102 (each opset by itself)
        if node.attributes["coordinate_transformation_mode"].as_string() == "output_half_pixel":
            node.attributes.pop("coordinate_transformation_mode")
    if is_operator(node, "Shape") and version < 15:
        _cut_shape(graph, node)
    if is_operator(node, "Reshape") and version < 14:
        node.attributes.pop("allowzero", None)
    if is_operator(node, "BatchNormalization") and version < 14:
        node.attributes.pop("training_mode", None)


def _axes_as_attribute(node: ir.Node) -> None:
    axes = numbers_of(node.inputs[1]) if len(node.inputs) > 1 else None
    node.attributes.pop("noop_with_empty_axes", None)
    if axes is not None:
        node.attributes["axes"] = ir.AttrInt64s("axes", [int(axis) for axis in axes.reshape(-1)])
        node.resize_inputs(1)


def _cut_shape(graph: ir.Graph, node: ir.Node) -> None:
    """A part of a shape: the whole, then a Slice of it."""
    start, end = node.attributes.pop("start", None), node.attributes.pop("end", None)
    if start is None and end is None:
        return
    made = node.outputs[0]
    last = end.as_int() if end is not None else np.iinfo(np.int64).max
    ends = np.array([start.as_int() if start is not None else 0], np.int64), np.array([last])
    places = [constant(graph, f"{made.name}_{i}", n.astype(np.int64)) for i, n in enumerate(ends)]
    whole = ir.Node("", "Shape", [node.inputs[0]])
    whole.outputs[0].name = f"{made.name}_whole"
    cut = ir.Node("", "Slice", [whole.outputs[0], *places])
    for part in (whole, cut):
        part.meta.update(node.meta)
    cut.outputs[0].name, cut.outputs[0].type = made.name, made.type
    cut.outputs[0].shape = made.shape
    ir.convenience.replace_nodes_and_values(
        graph, node, [node], [whole, cut], [made], [cut.outputs[0]]
    )
