"""optimize: a net with the same parameters, whose forward pass is fast."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from torch import nn

from protonet.diagnostics import NetError
from protonet.optimizing.passes import Passes


def optimize(net: nn.Module) -> nn.Module:
    """A net of the same class, over the same parameters, that is fast at inference on the CPU.

    Numbers are equal to 1e-4. The second pass with inputs of a shape takes as long as about ten:
    the net is compiled for it, checked and timed against itself; what isn't equal and faster
    stays as it was. What is trained, or on another device, or of another type than float32, is
    computed as before. Raises NetError where it is no module in evaluation mode.
    """
    if not isinstance(net, nn.Module):
        raise NetError(f"a {type(net).__name__} is no net", None, "give it what compile returns")
    if isinstance(net, OptimizedNet):
        return net
    if net.training:
        raise NetError("a net that trains can't be optimized", None, "net.eval() before it")
    cls = _class_of(type(net))
    made: OptimizedNet = cls.__new__(cls)
    made.__dict__.update(net.__dict__)
    made.__dict__["_passes"] = Passes(net)
    return made


class OptimizedNet(nn.Module):
    """What the classes of optimized nets have in common."""

    _passes: Passes

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        return optimize, (self._passes.net,)


def _class_of(cls: type[nn.Module]) -> type[OptimizedNet]:
    """The subclass of a net's class whose forward pass is the fast one."""

    @wraps(cls.forward)
    def forward(self: OptimizedNet, *given: Any, **named: Any) -> Any:
        if self.training or torch.compiler.is_compiling() or _is_traced():
            return cls.forward(self, *given, **named)
        return self._passes.run(given, named)

    told = {"__doc__": cls.__doc__, "__module__": cls.__module__}
    made: type[OptimizedNet] = type(cls.__name__, (OptimizedNet, cls), {"forward": forward, **told})
    return made


def _is_traced() -> bool:
    """Whether a pass is run to be written down, as an exporter does."""
    traced: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return traced
