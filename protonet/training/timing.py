"""The time of a net, whole and layer by layer, forward and backward, as ``caffe time``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from protonet import api
from protonet.data import open_feeds
from protonet.diagnostics import NetError, raise_all
from protonet.lowering import lowered
from protonet.runtime.net import RunnableNet, Values, runnable
from protonet.runtime.stage import Stage
from protonet.schema.select import select
from protonet.selection import Selection
from protonet.training.plan import NetPlan

_WARM_UP = 2
_REST = 0.02  # the threads of another runtime go on waiting, in the way of what is timed next


@dataclass
class LayerTime:
    """Mean seconds of one layer; ``backward`` is None where nothing flows back."""

    name: str
    type: str
    forward: float = 0.0
    backward: float | None = None


@dataclass
class NetTime:
    """Mean seconds of each layer alone, of the whole module, and of its other forms by name."""

    layers: list[LayerTime] = field(default_factory=list)
    forward: float = 0.0
    backward: float | None = None
    forms: dict[str, float] = field(default_factory=dict)


def open_timed(
    plan: NetPlan, device: torch.device, shapes: Mapping[str, Sequence[int]], allow_python: bool
) -> tuple[RunnableNet, dict[str, Tensor]]:
    """A net and a batch for it: of its own data where that is there, else of random numbers."""
    selected = select(plan.loaded, plan.phase)
    raise_all(selected.errors)
    batch: dict[str, Tensor] = {}
    if not shapes:
        batch = _own_batch(selected, plan.phase)
    given: Any = {top: tuple(x.shape) for top, x in batch.items()} or shapes
    selection = Selection.of(plan.phase, shapes=given, allow_python=allow_python)
    graph = api.graph_of(plan.loaded, selection)
    outputs = [v.blob for v in graph.outputs if not v.producer.layer.is_data]
    given_out = None if graph.has_loss else outputs
    made = runnable(lowered(graph, given_out, title="time"), device)
    made.module.train(plan.phase == "TRAIN")
    for value in graph.inputs:
        # Labels are whole numbers: zeros fit every number of classes.
        first = torch.rand(value.shape) if len(value.shape) > 2 else torch.zeros(value.shape)
        batch.setdefault(value.blob, first)
    batch = {blob: x.to(device) for blob, x in batch.items()}
    return made, batch


def _own_batch(selected: Any, phase: str) -> dict[str, Tensor]:
    try:
        feeds = open_feeds(selected, phase)
    except NetError:
        return {}
    batch: dict[str, Tensor] = {}
    for feed in feeds:
        with closing(feed):
            batch |= {top: torch.from_numpy(values) for top, values in next(feed).items()}
    return batch


def timed(
    net: RunnableNet,
    batch: Mapping[str, Tensor],
    iterations: int,
    each: Callable[[], None],
    forms: Mapping[str, Callable[..., object]],
) -> NetTime:
    """Time ``iterations`` passes, after two to warm up. ``each`` is called after every pass.

    ``forms`` give the outputs in other ways, by their names, and are timed beside the net.
    """
    layers = [LayerTime(stage.node.name, stage.node.type) for stage in net.stages]
    result = NetTime(layers)
    for number in range(iterations + _WARM_UP):
        share = 0.0 if number < _WARM_UP else 1.0 / iterations
        _whole(net, batch, result, share)
        for name, form in forms.items():
            seconds = share * _seconds(form, net, batch)
            result.forms[name] = result.forms.get(name, 0.0) + seconds
        values = net.inputs(batch)
        for stage, layer in zip(net.stages, layers, strict=True):
            _alone(net, stage, layer, values, share)
        each()
    return result


def _whole(net: RunnableNet, batch: Mapping[str, Tensor], result: NetTime, share: float) -> None:
    start = _now(net.device)
    found: Any = net.module(*(batch[value.blob] for value in net.graph.inputs))
    middle = _now(net.device)
    result.forward += share * (middle - start)
    loss = found.get("objective") if isinstance(found, dict) else None
    if loss is None or not loss.requires_grad:
        return
    loss.backward()
    result.backward = (result.backward or 0.0) + share * (_now(net.device) - middle)
    net.module.zero_grad(set_to_none=False)


def _seconds(form: Callable[..., object], net: RunnableNet, batch: Mapping[str, Tensor]) -> float:
    inputs = [batch[value.blob] for value in net.graph.inputs]
    start = _now(net.device)
    with torch.no_grad():
        form(*inputs)
    seconds = _now(net.device) - start
    time.sleep(_REST)
    return seconds


def _alone(net: RunnableNet, stage: Stage, layer: LayerTime, values: Values, share: float) -> None:
    """Time one layer forward and backward on values cut off from the layers before it."""
    device = net.device
    own = {value: _cut(value, values[value]) for value in stage.bottoms}
    start = _now(device)
    found = stage.run(net.module, own)
    middle = _now(device)
    layer.forward += share * (middle - start)
    tops = [x for x in found.values() if x.requires_grad]
    wanted = [x for x in own.values() if x.requires_grad]
    wanted += [p for p in net.parameters(stage.node).values() if p.requires_grad]
    if tops and wanted:
        ones = [torch.ones_like(x) for x in tops]
        middle = _now(device)
        torch.autograd.grad(tops, wanted, ones, allow_unused=True)
        layer.backward = (layer.backward or 0.0) + share * (_now(device) - middle)
    values |= {value: x.detach() for value, x in found.items()}


def _cut(value: Any, tensor: Tensor) -> Tensor:
    reached = tensor.is_floating_point() and not value.producer.layer.is_data
    return tensor.detach().requires_grad_(reached)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def rows(first: NetTime, other: NetTime | None) -> Iterator[list[str]]:
    """The table: a row a layer, the sums, the whole module; times in milliseconds."""
    others = {layer.name: layer for layer in other.layers} if other else {}
    for layer in first.layers:
        yield [layer.name, layer.type, *_cells(layer, others.get(layer.name), other is not None)]
    names = {layer.name for layer in first.layers}
    for layer in (layer for name, layer in others.items() if name not in names):
        yield [layer.name, layer.type, "", "", *_times(layer), ""]
    sums = [_sum(one) for one in (first, other) if one is not None]
    yield ["layers", "together", *_cells(sums[0], sums[1] if other else None, other is not None)]
    yield ["net", "compiled", *_cells(first, other, other is not None)]
    for name, seconds in first.forms.items():
        theirs = other.forms.get(name) if other else None
        beside = None if theirs is None else LayerTime("", "", theirs)
        yield ["net", name, *_cells(LayerTime("", "", seconds), beside, other is not None)]


def _sum(one: NetTime) -> LayerTime:
    backward = [layer.backward for layer in one.layers if layer.backward is not None]
    forward = sum(layer.forward for layer in one.layers)
    return LayerTime("", "", forward, sum(backward) if backward else None)


def _cells(one: Any, other: Any, compare: bool) -> list[str]:
    if not compare:
        return _times(one)
    if other is None:
        return [*_times(one), "", "", ""]
    total, theirs = (x.forward + (x.backward or 0.0) for x in (one, other))
    return [*_times(one), *_times(other), f"{theirs / total:.2f} x" if total else ""]


def _times(one: Any) -> list[str]:
    backward = "" if one.backward is None else f"{one.backward * 1000:.3f}"
    return [f"{one.forward * 1000:.3f}", backward]
