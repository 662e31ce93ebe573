"""Whether an ONNX file gives what the net gives: onnx's own checks, then trials in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from protonet.arrays import Array
from protonet.diagnostics import NetError
from protonet.exporting.options import DYNAMIC, ExportOptions
from protonet.exporting.samples import samples
from protonet.exporting.source import Exported, trial_shapes
from protonet.plain import plain

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
    import onnx

    onnx.checker.check_model(os.fspath(path), full_check=True)
    try:
        import onnxruntime
    except ImportError:
        return None
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        os.fspath(path), quiet, providers=["CPUExecutionProvider"]
    )
    runtime = f"onnxruntime {onnxruntime.__version__}"
    worst, count = 0.0, 0
    for given, wanted in trials(exported, options):
        needed = {value.name for value in session.get_inputs()}
        feed = {plain(k): _cast(v, options) for k, v in given.items() if plain(k) in needed}
        found = session.run([plain(blob) for blob in wanted], feed)
        for (blob, right), own in zip(wanted.items(), found, strict=True):
            worst = max(worst, _compare(blob, own, right, given, options, runtime))
        count += 1
    return Checked(runtime, count, worst)


def trials(
    exported: Exported, options: ExportOptions
) -> Iterator[tuple[dict[str, Array], dict[str, Array]]]:
    """Inputs, and what the module makes of them; where sizes are free, for several."""
    free = options.batch == DYNAMIC or options.dynamic
    for seed, spread in enumerate(_SPREADS):
        shapes = trial_shapes(exported.graph, options, 1 + 2 * seed, 32 * seed)
        net = exported.resized(shapes) if free else exported.module
        given = samples(exported.graph, shapes, spread, seed)
        with torch.no_grad():
            inputs = [torch.from_numpy(given[v.blob]) for v in exported.graph.inputs]
            made = net(*inputs)
        blobs = exported.outputs()
        result = made if isinstance(made, dict) else {blobs[0]: made}
        yield given, {blob: result[blob].numpy() for blob in blobs}


def _cast(given: Array, options: ExportOptions) -> Array:
    return given.astype(np.float16) if options.is_half else given


def _compare(
    blob: str,
    own: Array,
    right: Array,
    given: Mapping[str, Array],
    options: ExportOptions,
    runtime: str,
) -> float:
    """The largest difference, of the largest number. NetError where it is too large."""
    sizes = ", ".join(f"{plain(k)} {'x'.join(map(str, v.shape))}" for k, v in given.items())
    where = f"{runtime} gives another {blob!r} than the net, on {sizes}"
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
