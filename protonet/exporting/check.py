"""Whether an ONNX file gives what the net gives: onnx's own checks, then trials in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.compare import compared, decides
from protonet.exporting.options import NATIVE_OPSET, ExportOptions
from protonet.exporting.source import Exported
from protonet.exporting.value_names import value_name
from protonet.exporting.written import Checked
from protonet.plain import plain
from protonet.runtime.failure import first_line


def check_onnx(
    path: str | os.PathLike[str], exported: Exported, options: ExportOptions
) -> Checked | None:
    """Run an ONNX file beside the net's module; None where the runtime for it is not installed.

    That is onnxruntime, but OpenCV for a file that is meant for it, where it is installed.

    NetError where the file is not valid, or an output is further from the module's than the
    tolerance, of the largest number in it.
    """
    if options.runtime in ("opencv", "opencv4"):
        from protonet.exporting.opencv import check_in_opencv, takes_only_opencv

        found = check_in_opencv(path, exported, options)
        if found is not None or takes_only_opencv(exported, options):
            return found
    validate(path, options)
    return _check_in_onnxruntime(path, exported, options)


def _check_in_onnxruntime(
    path: str | os.PathLike[str], exported: Exported, options: ExportOptions
) -> Checked | None:
    """Run a file in onnxruntime beside the net; None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    decide = any(decides(node) for node in exported.graph.nodes)
    model = _with_bottoms(path, exported) if decide else os.fspath(path)
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
    """Have onnx check a file whole, the shapes of all values too. NetError where it is wrong."""
    import onnx

    try:
        onnx.checker.check_model(os.fspath(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        what = f"the net can't be said in opset {options.opset}: {first_line(error)}"
        hint = "leave --opset out" if options.opset != NATIVE_OPSET else None
        raise NetError(what, None, hint) from error


def _with_bottoms(path: str | os.PathLike[str], exported: Exported) -> bytes:
    """The model with what its deciding layers read given out as well."""
    import onnx

    model = onnx.load(os.fspath(path))
    there = {name for node in model.graph.node for name in node.output}
    there -= {value.name for value in model.graph.output}
    bottoms = (v for node in exported.graph.nodes if decides(node) for v in node.inputs)
    for name in dict.fromkeys(value_name(exported.graph, value) for value in bottoms):
        if name in there:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    return bytes(model.SerializeToString())


def _refused(runtime: str, error: Exception) -> NetError:
    hint = "--no-check writes the file all the same"
    return NetError(f"{runtime} does not run the file: {first_line(error)}", None, hint)
