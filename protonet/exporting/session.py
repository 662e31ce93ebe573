"""A net in onnxruntime: tried beside its module, and called in its place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.compare import compared, decides
from protonet.exporting.model import onnx_model
from protonet.exporting.options import ExportOptions
from protonet.exporting.packages import need_onnx
from protonet.exporting.source import Exported
from protonet.exporting.states import from_zeros, refuse_states
from protonet.exporting.traced import traced
from protonet.exporting.value_names import output_name, value_name
from protonet.exporting.write import write_onnx
from protonet.exporting.written import Checked
from protonet.plain import plain
from protonet.runtime.failure import first_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_HINT = "--engine torch runs it all the same"
_NO_CHECK = "--no-check writes the file all the same"


class OnnxSession:
    """A net's forward pass in onnxruntime, on the CPU.

    It is called as the net's module is: with the inputs in their order, of the net's own shapes,
    and gives {blob: tensor}. ``difference`` is how far it was from the module when it was tried,
    as a part of the largest number of a blob.
    """

    def __init__(
        self, made: InferenceSession, exported: Exported, blobs: Sequence[str], difference: float
    ) -> None:
        self.difference = difference
        self.blobs = tuple(blobs)
        self._made = made
        needed = {value.name for value in made.get_inputs()}
        names = [plain(value.blob) for value in exported.graph.inputs]
        self._inputs = [name if name in needed else None for name in names]
        self._outputs = [output_name(exported.graph, blob) for blob in blobs]

    def __call__(self, *inputs: Tensor) -> dict[str, Tensor]:
        given = zip(self._inputs, inputs, strict=True)
        feed = {name: x.detach().float().numpy() for name, x in given if name is not None}
        found = _run(self._made, self._outputs, feed)
        return {b: torch.from_numpy(x) for b, x in zip(self.blobs, found, strict=True)}


def open_session(exported: Exported) -> OnnxSession:
    """A net, with its weights as they are now, in onnxruntime.

    It is tried beside the module. NetError where onnxruntime is not installed, can't say a layer,
    or gives other numbers.
    """
    need_onnx("onnxruntime")
    refuse_states(exported.graph)
    try:
        return _opened(exported, ExportOptions.of())
    except NetError as error:
        raise NetError(error.message, error.span, _HINT) from error


def _opened(exported: Exported, options: ExportOptions) -> OnnxSession:
    blobs = exported.outputs()
    with tempfile.TemporaryDirectory() as folder, from_zeros(exported.module):
        path = Path(folder) / "net.onnx"
        model = onnx_model(traced(exported.lowered, exported.module, options), blobs, options)
        write_onnx(model, path)
        made = in_onnxruntime(path)
        tried = trial(path, exported, options, made)
    return OnnxSession(made, exported, blobs, tried.difference)


def in_onnxruntime(model: str | os.PathLike[str] | bytes) -> InferenceSession:
    """A model opened. NetError where onnxruntime does not take it."""
    import onnxruntime

    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    given = model if isinstance(model, bytes) else os.fspath(model)
    try:
        return onnxruntime.InferenceSession(given, quiet, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _refused(error) from error


def trial(
    path: str | os.PathLike[str],
    exported: Exported,
    options: ExportOptions,
    made: InferenceSession | None = None,
) -> Checked:
    """Run a file in onnxruntime beside the net; ``made`` is the file opened, where it is.

    NetError where the file does not run or gives other numbers.
    """
    if any(decides(node) for node in exported.graph.nodes):
        made = in_onnxruntime(_with_bottoms(path, exported))
    session = made or in_onnxruntime(path)
    needed = {value.name for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        feed = {plain(k): v for k, v in given.items() if plain(k) in needed}
        return dict(zip(names, _run(session, names, feed), strict=True))

    return compared(run, exported, options, runtime())


def runtime() -> str:
    """The runtime and its version."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def _run(session: InferenceSession, names: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
    try:
        return session.run(names, feed)  # type: ignore[no-any-return]
    except Exception as error:  # a class of its own for every kind of fault
        raise _refused(error) from error


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


def _refused(error: Exception) -> NetError:
    return NetError(f"{runtime()} does not run the file: {first_line(error)}", None, _NO_CHECK)
