"""A part of a net by oneDNN's graph compiler, reached through TorchScript."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import RLock

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

Outputs = Tensor | tuple[Tensor, ...]
TOLERANCE = 1e-4
_TIMED = 3  # passes of either
_PASSES = 3  # until TorchScript has measured shapes, compiled, and run what it compiled
_ONE_AT_A_TIME = RLock()


def fused(part: GraphModule, inputs: Sequence[Tensor], result: Outputs) -> nn.Module | None:
    """A part for inputs of just these shapes; None where it isn't faster, or not equal.

    ``result`` is what the part gives for the inputs.

    Weights are packed as oneDNN wants them, batch normalisation is folded into convolutions,
    and additions and activations are done where a convolution's result still is in registers.
    """
    plain = _tuple(result)
    if not all(isinstance(each, Tensor) and each.is_floating_point() for each in plain):
        return None
    with _ONE_AT_A_TIME, _fusing():
        traced = torch.jit.trace(part, tuple(inputs), check_trace=False)  # type: ignore[no-untyped-call]
        made: nn.Module = torch.jit.freeze(traced)
        for _ in range(_PASSES):
            found = _tuple(made(*inputs))
    same = all(_close(a, b) for a, b in zip(plain, found, strict=True))
    return made if same and _is_faster(made, part, inputs) else None


def available() -> bool:
    """Whether this build of torch has oneDNN's graphs."""
    has_onednn: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return has_onednn and hasattr(torch.jit, "enable_onednn_fusion")


@contextmanager
def _fusing() -> Iterator[None]:
    """Have what TorchScript compiles meanwhile fused by oneDNN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript says of itself that it is deprecated
        before = torch.jit.onednn_fusion_enabled()  # type: ignore[no-untyped-call]
        torch.jit.enable_onednn_fusion(True)
        try:
            yield
        finally:
            torch.jit.enable_onednn_fusion(before)


def _tuple(found: Outputs) -> tuple[Tensor, ...]:
    return (found,) if isinstance(found, Tensor) else tuple(found)


def _close(a: Tensor, b: Tensor) -> bool:
    """Whether values are equal to 1e-4 of the largest."""
    if a.shape != b.shape:
        return False
    finite = a[a.isfinite()]
    largest = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=TOLERANCE * largest, equal_nan=True)


def _is_faster(made: nn.Module, part: nn.Module, inputs: Sequence[Tensor]) -> bool:
    """Whether the least of a few passes, taken in turn, is less.

    It is this thread's own time, which other programs on the machine don't add to.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TIMED):
        for each, took in zip((made, part), times, strict=True):
            start = time.thread_time()
            each(*inputs)
            took.append(time.thread_time() - start)
    return min(times[0]) < min(times[1])
