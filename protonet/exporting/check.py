"""Whether an ONNX file gives what the net gives: onnx's own checks, then trials in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.options import DYNAMIC, NATIVE_OPSET, ExportOptions
from protonet.exporting.samples import samples
from protonet.exporting.source import Exported, trial_shapes
from protonet.exporting.value_names import output_name, value_name
from protonet.graph import Node
from protonet.plain import plain
from protonet.runtime.failure import first_line
from protonet.runtime.net import kept_state
from protonet.runtime.stage import stages

_SPREADS = (1.0, 60.0)  # unit numbers, and pixels from which a mean was taken


@dataclass(frozen=True)
class Checked:
    """What trials of a file found: the runtime, how many there were, the largest difference."""

    runtime: str
    trials: int
    difference: float


def check_onnx(
    path: str | os.PathLike[str], exported: Exported, options: ExportOptions
) -> Checked | None:
    """Run an ONNX file beside the net's module; None where onnxruntime is not installed.

    NetError where the file is not valid, or an output is further from the module's than the
    tolerance, of the largest number in it.
    """
    if options.runtime in ("opencv", "opencv4"):
        from protonet.exporting.opencv import check_in_opencv

        return check_in_opencv(path, exported, options)
    validate(path, options)
    try:
        import onnxruntime
    except ImportError:
        return None
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    model = _with_regions(path, exported) if grows(exported) else os.fspath(path)
    runtime = f"onnxruntime {onnxruntime.__version__}"
    try:
        session = onnxruntime.InferenceSession(model, quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refused(runtime, error) from error
    needed = {value.name for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        feed = {plain(k): v for k, v in given.items() if plain(k) in needed}
        try:
            return dict(zip(names, session.run(names, feed), strict=True))
        except Exception as error:  # a class of its own for every kind of fault
            raise _refused(runtime, error) from error

    return compared(run, exported, options, runtime)


def validate(path: str | os.PathLike[str], options: ExportOptions) -> None:
    """Have onnx check a file whole, the shapes of all values with it. NetError where it is wrong."""
    import onnx

    try:
        onnx.checker.check_model(os.fspath(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        what = f"the net can't be said in opset {options.opset}: {first_line(error)}"
        hint = "leave --opset out" if options.opset != NATIVE_OPSET else None
        raise NetError(what, None, hint) from error


def compared(
    run: Callable[[Mapping[str, Array]], Mapping[str, Array]],
    exported: Exported,
    options: ExportOptions,
    runtime: str,
) -> Checked:
    """Trials of what ``run`` gives by the names of values. NetError where it is not the net's."""
    worst, count = 0.0, 0
    for net, given in trials(exported, options):
        found = run(given)
        for name, right in expected(exported, net, given, found).items():
            worst = max(worst, compare(name, found[name], right, given, options, runtime))
        count += 1
    return Checked(runtime, count, worst)


def trials(
    exported: Exported, options: ExportOptions
) -> Iterator[tuple[nn.Module, dict[str, Array]]]:
    """Modules and inputs for them; where sizes are free, of several."""
    free = options.batch == DYNAMIC or options.dynamic
    for seed, spread in enumerate(_SPREADS):
        shapes = trial_shapes(exported.graph, options, 1 + 2 * seed, 32 * seed)
        net = exported.resized(shapes) if free else exported.module
        yield net, samples(exported.graph, shapes, spread, seed)


def expected(
    exported: Exported, net: nn.Module, given: Mapping[str, Array], found: Mapping[str, Array]
) -> dict[str, Array]:
    """What the net makes of inputs, by the names of values.

    A layer that decides, such as what overlaps too much, is given what the file itself had come to
    when it decided: the last bit of a score would else be taken for another box.
    """
    graph = exported.graph
    values = {v: torch.from_numpy(given[v.blob]) for v in graph.inputs}
    right: dict[str, Array] = {}
    with torch.no_grad(), kept_state(net):
        for stage in stages(exported.lowered, net):
            for bottom in stage.bottoms if _decides(stage.node) else ():
                name = value_name(graph, bottom)
                if name in found:
                    right[name] = values[bottom].numpy()
                    values[bottom] = torch.from_numpy(found[name]).float()
            values |= stage.run(net, values)
    for blob in exported.outputs():
        right[output_name(graph, blob)] = values[graph.blobs[blob]].numpy()
    return right


def grows(exported: Exported) -> bool:
    """Whether a layer of a net decides how many rows there are."""
    return any(_decides(node) for node in exported.graph.nodes)


def _decides(node: Node) -> bool:
    return node.layer.grows is not None and not node.layer.is_data


def _with_regions(path: str | os.PathLike[str], exported: Exported) -> bytes:
    """The model with what its deciding layers read given out as well."""
    import onnx

    model = onnx.load(os.fspath(path))
    there = {name for node in model.graph.node for name in node.output}
    there -= {value.name for value in model.graph.output}
    bottoms = (v for node in exported.graph.nodes if _decides(node) for v in node.inputs)
    for name in dict.fromkeys(value_name(exported.graph, value) for value in bottoms):
        if name in there:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    return bytes(model.SerializeToString())


def _refused(runtime: str, error: Exception) -> NetError:
    hint = "--no-check writes the file all the same"
    return NetError(f"{runtime} does not run the file: {first_line(error)}", None, hint)


def compare(
    name: str,
    own: Array,
    right: Array,
    given: Mapping[str, Array],
    options: ExportOptions,
    runtime: str,
) -> float:
    """The largest difference of an output, as a part of its largest number.

    NetError where it is too large.
    """
    sizes = ", ".join(f"{plain(k)} {'x'.join(map(str, v.shape))}" for k, v in given.items())
    where = f"{runtime} gives another {name!r} than the net, on {sizes}"
    if own.shape != right.shape:
        raise NetError(f"{where}: of {own.shape}, not {right.shape}")
    own, right = own.astype(np.float64), right.astype(np.float64)
    if not right.size:
        return 0.0
    if not np.array_equal(np.isnan(own), np.isnan(right)):
        raise NetError(f"{where}: not a number in other places")
    same = (own == right) | np.isnan(right)
    with np.errstate(invalid="ignore"):
        gaps = np.where(same, 0, np.abs(own - right))
    finite = np.abs(right[np.isfinite(right)])
    largest = float(finite.max()) if finite.size else 0.0
    difference = float(gaps.max()) / (largest or 1.0)
    if not difference <= options.tolerance:
        what = f"{where}: by {difference:.2g} of its largest number"
        hint = f"the tolerance is {options.tolerance:g}; --no-check writes it all the same"
        raise NetError(what, None, hint)
    return difference
