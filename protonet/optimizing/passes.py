"""The forward passes of an optimized net: by what was compiled for their shapes, or as before."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from protonet.diagnostics import NetWarning
from protonet.optimizing.capture import capture
from protonet.optimizing.divide import divided
from protonet.optimizing.fingerprint import Fingerprint
from protonet.optimizing.fuse import available, fused
from protonet.optimizing.local_norm import with_local_norms

InputShapes = tuple[torch.Size, ...]
_PLANS = 4  # shapes of inputs for which packed weights are kept at once
_SHAPES = 1000  # how many are remembered without


class Passes:
    """What was compiled of a net for each shape of its inputs, made anew when the net changes."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self._signature = inspect.signature(net.forward)
        self._parts: tuple[GraphModule, tuple[str, ...]] | None = None
        self._plans: OrderedDict[InputShapes, Callable[..., Any]] = OrderedDict()
        self._seen: Counter[InputShapes] = Counter()
        self._patience = 1
        self._state: Fingerprint | None = None
        self._one_at_a_time = RLock()
        self._is_told = False

    def run(self, given: Sequence[object], named: Mapping[str, object]) -> object:
        """The net's output; that of the net as it is where inputs are not of the kind."""
        inputs = self._bound(given, named)
        if not inputs or not all(_suits(each) for each in inputs):
            return self.net(*given, **named)
        with torch.no_grad():
            return self._planned(tuple(each.contiguous() for each in inputs))

    def _bound(self, given: Sequence[object], named: Mapping[str, object]) -> tuple[Any, ...]:
        if not named:
            return tuple(given) if len(given) == len(self._signature.parameters) else ()
        try:
            bound = self._signature.bind(*given, **named)
        except TypeError:
            return ()
        bound.apply_defaults()
        return tuple(bound.arguments.values())

    def _planned(self, inputs: tuple[Tensor, ...]) -> Any:
        with self._one_at_a_time:
            if self._state is None or not self._state.holds():
                self._state, self._parts = Fingerprint(self.net), None
                self._plans.clear()
                self._seen.clear()
            key = tuple(each.shape for each in inputs)
            plan = self._plans.get(key, self.net)
            if key in self._plans:
                self._plans.move_to_end(key)
            elif self._pays(key):
                return self._compiled(key, inputs)
        return plan(*inputs)

    def _pays(self, key: InputShapes) -> bool:
        """Whether inputs of these shapes have come before: of many sizes few come again."""
        if len(self._seen) > _SHAPES:
            self._seen.clear()
        self._seen[key] += 1
        return self._seen[key] > self._patience

    def _compiled(self, key: InputShapes, inputs: tuple[Tensor, ...]) -> Any:
        """What the net gives, and from now on what was compiled gives for such inputs."""
        self._plans[key], result = self._tried(inputs)
        if len(self._plans) > _PLANS:
            left, _ = self._plans.popitem(last=False)
            del self._seen[left]
            self._patience *= 2  # or some shapes more than are kept would be compiled in turn
        return result

    def _tried(self, inputs: tuple[Tensor, ...]) -> tuple[Callable[..., Any], Any]:
        """The fastest that runs the net for such inputs, and what it gives for these."""
        reason = _against(self.net)
        if not reason and self._parts is None:
            try:
                definition = getattr(type(self.net), "protonet_net", b"")
                self._parts = divided(with_local_norms(capture(self.net), definition))
            except Exception as error:  # noqa: BLE001 (a module is any code)
                reason = f"its forward pass is no straight run of calls: {error}".splitlines()[0]
        if reason or self._parts is None:
            self._tell(reason)
            return self.net, self.net(*inputs)
        whole, names = self._parts
        plan = GraphModule(whole, whole.graph)
        tried = {name: _Part(part, name in names) for name, part in whole.named_children()}
        for name, part in tried.items():
            setattr(plan, name, part)
        result = plan.forward(*inputs)
        for part in tried.values():
            self._tell(part.failure)
        return (plan.forward if any(p.is_fused for p in tried.values()) else self.net), result

    def _tell(self, reason: str) -> None:
        """Say once why a net, or a part of it, stays as it is."""
        if reason and not self._is_told:
            self._is_told = True
            what = f"{type(self.net).__name__} is not optimized, it runs as it is: {reason}"
            warnings.warn(NetWarning(what), stacklevel=8)


class _Part(nn.Module):
    """A part of a net as it is, which may compile itself for what it is given first."""

    def __init__(self, part: Any, compiles: bool) -> None:
        super().__init__()
        # The graph's text alone: called as a module it would print its errors.
        self._run: Callable[..., Any] = part.forward
        self._part = part if compiles else None
        self.is_fused, self.failure = False, ""

    def forward(self, *inputs: Any) -> Any:
        if self._part is None:
            return self._run(*inputs)
        result = self._run(*inputs)
        made = None
        try:
            made = fused(self._part, inputs, result)
        except Exception as error:  # noqa: BLE001 (a compiler's own, of any kind)
            self.failure = f"oneDNN does not take a part of it: {error}".splitlines()[0]
        self._part = None
        if made is not None:
            self._run, self.is_fused = made, True
        return result


def _against(net: nn.Module) -> str:
    """Why a net can't be compiled; "" where it can."""
    if not available():
        return "this build of torch has no oneDNN graph"
    training = next((name for name, part in net.named_modules() if part.training), None)
    if training is not None:
        return f"its part {training!r} is in training mode"
    tensors = [t for t in net.parameters() if t.is_floating_point()]
    other = next((t for t in tensors if t.device.type != "cpu" or t.dtype != torch.float32), None)
    return f"its parameters are {other.dtype} on {other.device}" if other is not None else ""


def _suits(value: object) -> bool:
    """Whether a value is a plain tensor of float32 on the CPU through which nothing is derived."""
    if type(value) not in (Tensor, nn.Parameter):
        return False
    assert isinstance(value, Tensor)
    derived = torch.is_grad_enabled() and value.requires_grad
    kind = value.dtype == torch.float32 and value.device.type == "cpu" and not value.is_sparse
    return kind and not derived and not torch.is_autocast_enabled("cpu")
