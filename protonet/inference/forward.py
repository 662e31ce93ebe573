"""A forward pass of a compiled net on random inputs, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from protonet.device import device_kind
from protonet.diagnostics import NetError, lacks_memory
from protonet.layers.base import show
from protonet.lowering import Lowered
from protonet.runtime.failure import failing_layer
from protonet.runtime.module import instantiate
from protonet.runtime.net import RunnableNet

PASSES = 5

Loader = Callable[[nn.Module], Any]


@dataclass(frozen=True)
class TimedPass:
    """What a net gave, and the median of its times in milliseconds.

    ``where`` says in words on what it ran.
    """

    blobs: Mapping[str, Tensor]
    milliseconds: float
    where: str


def timed_pass(
    lowered: Lowered, device: str, batch: int | None = None, load: Loader = id
) -> TimedPass:
    """Run a net on random inputs; ``load`` fills it first.

    NetError where the device is not there, or the net does not run on such inputs.
    """
    kind = device_kind(device)
    net = instantiate(lowered)
    load(net)
    shapes = [(batch, *s[1:]) if batch and s else s for s in lowered.program.shapes]
    inputs: list[Tensor] = []
    try:
        net = net.float().to(kind)  # weights in doubles make it one of doubles
        # Labels are whole numbers: zeros fit every number of classes.
        inputs += [(torch.rand(s) if len(s) > 2 else torch.zeros(s)).to(kind) for s in shapes]
        with torch.no_grad():
            result = net(*inputs)
            times = [_seconds(net, inputs, kind) for _ in range(PASSES)]
    except (RuntimeError, ValueError, IndexError) as error:
        if lacks_memory(error):
            raise NetError(f"there is not enough memory to run {lowered.program.name}") from None
        names = [value.blob for value in lowered.graph.inputs]
        whole = RunnableNet(lowered, net, torch.device(kind))
        failed = failing_layer(whole, dict(zip(names, inputs, strict=True)))
        if failed is not None:
            raise failed from None
        given = ", ".join(show(s) for s in shapes)
        raise NetError(f"the net does not run on inputs of {given}: {error}") from None
    blobs = result if isinstance(result, dict) else {"output": result}
    return TimedPass(blobs, sorted(times)[PASSES // 2] * 1000, _words(kind))


def _words(kind: str) -> str:
    if kind == "cuda":
        return torch.cuda.get_device_name()
    return f"cpu, {torch.get_num_threads()} threads"


def _seconds(net: Any, inputs: list[Tensor], kind: str) -> float:
    start = time.perf_counter()
    net(*inputs)
    if kind == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
