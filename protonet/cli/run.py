"""A forward pass of a compiled net on random inputs, timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click
import torch
from torch import nn

from protonet.diagnostics import NetError
from protonet.layers.base import show
from protonet.lowering import Lowered
from protonet.plain import plain
from protonet.runtime.module import instantiate

_PASSES = 5

Loader = Callable[[nn.Module], object]


def run_once(
    made: Lowered,
    device: str,
    batch: int | None,
    load: Loader = id,
) -> None:
    """Run and time the net; outputs and the median time go to stdout. ``load`` fills it first."""
    where = _device(device)
    result, milliseconds = _run(made, where, batch, load)
    blobs = result if isinstance(result, dict) else {"output": result}
    for blob, value in blobs.items():
        shown = show(tuple(value.shape)) if value.dim() else f"{value.item():.6g}"
        click.echo(f"{plain(blob)}: {shown}")
    what = (
        torch.cuda.get_device_name()
        if where == "cuda"
        else f"cpu, {torch.get_num_threads()} threads"
    )
    click.echo(f"forward: {milliseconds:.2f} ms (median of {_PASSES}, {what})")


def time_net(made: Lowered, device: str) -> float:
    """The median time of a forward pass, in milliseconds."""
    return _run(made, _device(device), None)[1]


def _run(made: Lowered, where: str, batch: int | None, load: Loader = id) -> tuple[Any, float]:
    """What the net gives for random inputs, and the median of its times in milliseconds."""
    net = instantiate(made)
    load(net)
    net = net.float().to(where)  # weights in doubles make it one of doubles
    shapes = [(batch, *s[1:]) if batch and s else s for s in made.program.shapes]
    # Labels are whole numbers: zeros fit every number of classes.
    inputs = [torch.rand(s) if len(s) > 2 else torch.zeros(s) for s in shapes]
    inputs = [x.to(where) for x in inputs]
    try:
        with torch.no_grad():
            result = net(*inputs)
            times = [_timed(net, inputs, where) for _ in range(_PASSES)]
    except (RuntimeError, ValueError, IndexError) as error:
        given = ", ".join(show(s) for s in shapes)
        raise NetError(f"the net does not run on inputs of {given}: {error}") from None
    return result, sorted(times)[_PASSES // 2] * 1000


def _device(device: str) -> str:
    if device == "cuda" and not torch.cuda.is_available():
        raise NetError("there is no CUDA device here", None, "use --device cpu")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _timed(net: Any, inputs: list[torch.Tensor], device: str) -> float:
    start = time.perf_counter()
    net(*inputs)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
