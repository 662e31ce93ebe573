"""A net as a file for torch alone: torch.export's, or TorchScript."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.compare import compared
from protonet.exporting.free_sizes import output_sizes
from protonet.exporting.options import NATIVE_OPSET, ExportOptions
from protonet.exporting.source import Exported
from protonet.exporting.traced import free_axes, refused, without_warnings
from protonet.exporting.value_names import output_name
from protonet.exporting.written import Checked, Written
from protonet.files import replacing


def export_torch(
    exported: Exported, path: str | os.PathLike[str], options: ExportOptions
) -> Written:
    """Write a net for torch.export.load or torch.jit.load; the outputs keep their blobs' names."""
    _refuse(options)
    scripted = Path(path).suffix.lower() == ".torchscript"
    with replacing(path) as temporary:
        if scripted:
            _save_script(exported, temporary)
        else:
            _save_program(exported, temporary, options)
        checked = _check(exported, temporary, options, scripted)
        size = temporary.stat().st_size
    axes = free_axes(exported.lowered, options)
    inputs = {
        value.blob: tuple(own.get(i, n) for i, n in enumerate(value.shape))
        for value, own in zip(exported.graph.inputs, axes, strict=True)
    }
    outputs = output_sizes(exported, options)
    return Written(os.fspath(path), size, inputs, outputs, 0, checked)


def _refuse(options: ExportOptions) -> None:
    if options.is_half or options.runtime:
        what = "fp16 and a runtime are ONNX's; torch has .half() and torch.compile"
        raise NetError(what, None, "name an .onnx file, or leave the option out")
    if options.opset != NATIVE_OPSET:
        what = f"opset {options.opset} is ONNX's; a file of torch's has torch's own operators"
        raise NetError(what, None, "name an .onnx file, or leave the opset out")


def _samples(exported: Exported) -> tuple[torch.Tensor, ...]:
    return tuple(torch.zeros(value.shape) for value in exported.graph.inputs)


def _save_program(exported: Exported, path: Path, options: ExportOptions) -> None:
    axes = free_axes(exported.lowered, options)
    free = tuple(dict.fromkeys(own, torch.export.Dim.AUTO) or None for own in axes)
    with torch.no_grad(), without_warnings():
        try:
            made = torch.export.export(
                exported.module, _samples(exported), dynamic_shapes=free, strict=False
            )
        except Exception as error:
            raise refused(None, error) from error
        with path.open("wb") as file:
            torch.export.save(made, file)


def _save_script(exported: Exported, path: Path) -> None:
    """By tracing, which holds sizes as numbers where Python computes with them."""
    with torch.no_grad(), without_warnings():
        try:
            made = torch.jit.trace(  # type: ignore[no-untyped-call]
                exported.module, _samples(exported), strict=False
            )
        except Exception as error:
            raise refused(None, error) from error
        torch.jit.save(made, str(path))


def _check(
    exported: Exported, path: Path, options: ExportOptions, scripted: bool
) -> Checked | None:
    """Run the file beside the module. NetError where they differ."""
    if not options.check:
        return None
    with without_warnings():
        net = _opened_script(path) if scripted else torch.export.load(path).module()
    blobs = exported.outputs()

    def run(given: Mapping[str, Array]) -> dict[str, Array]:
        with torch.no_grad():
            made = net(*(torch.from_numpy(given[v.blob]) for v in exported.graph.inputs))
        found = made if isinstance(made, dict) else {blobs[0]: made}
        return {output_name(exported.graph, blob): value.numpy() for blob, value in found.items()}

    return compared(run, exported, options, f"torch {torch.__version__}")


def _opened_script(path: Path) -> nn.Module:
    module: nn.Module = torch.jit.load(str(path))  # type: ignore[no-untyped-call]
    return module
