"""Whether an ONNX file gives what the net gives: onnx's own checks, then trials in onnxruntime."""

from __future__ import annotations

import os
from importlib.util import find_spec

from protonet.diagnostics import NetError
from protonet.exporting.options import NATIVE_OPSET, ExportOptions
from protonet.exporting.source import Exported
from protonet.exporting.written import Checked
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
    if find_spec("onnxruntime") is None:
        return None
    from protonet.exporting.session import trial

    return trial(path, exported, options)


def validate(path: str | os.PathLike[str], options: ExportOptions) -> None:
    """Have onnx check a file whole, the shapes of all values too. NetError where it is wrong."""
    import onnx

    try:
        onnx.checker.check_model(os.fspath(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        what = f"the net can't be said in opset {options.opset}: {first_line(error)}"
        hint = "leave --opset out" if options.opset != NATIVE_OPSET else None
        raise NetError(what, None, hint) from error
