"""The packages of the export extra, looked for before anything is done."""

from __future__ import annotations

from importlib.util import find_spec

from protonet.diagnostics import NetError

_NEEDED = ("onnx", "onnx_ir", "onnxscript")


def need_onnx(*more: str) -> None:
    """NetError, with the way to get them, where ONNX's packages or those named are missing."""
    missing = [name for name in (*_NEEDED, *more) if find_spec(name) is None]
    if missing:
        names = ", ".join(name.replace("_", "-") for name in missing)
        user = "the engine" if more else "an .onnx file"
        what = f"{user} needs {names}, which can't be imported"
        raise NetError(what, None, 'pip install "protonet[export]"')
