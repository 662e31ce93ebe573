"""The lines of debug_info: the mean of every blob, gradient and update, as Caffe prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from protonet.graph import Node, Value
from protonet.runtime.net import Values
from protonet.runtime.stage import Stage
from protonet.training.log import Log
from protonet.training.nets import Net, Weight


@dataclass
class Pass:
    """A forward pass by layers: its values, and what each layer was given of them."""

    values: Values = field(default_factory=dict)
    taken: dict[Node, Values] = field(default_factory=dict)

    @property
    def blobs(self) -> dict[str, Tensor]:
        """The last value of each blob."""
        return {value.blob: tensor for value, tensor in self.values.items()}


def explained(net: Net, batch: Mapping[str, Tensor], log: Log) -> dict[str, Tensor]:
    """A forward and backward pass that says the mean of every blob and gradient.

    What several layers read has a gradient from each, which Caffe's Split keeps apart, too.
    Source: Net::ForwardDebugInfo, BackwardDebugInfo, Backward.
    """
    done = forward(net, batch, log)
    results = {**done.blobs, "objective": net.objective(done.values)}
    if results["objective"].requires_grad:
        results["objective"].backward()  # type: ignore[no-untyped-call,unused-ignore]
    weights = _by_param(net)
    moved = _moved(net.stages)
    for stage in reversed(net.stages):
        for line in _backward_lines(stage, done.taken[stage.node], weights, moved):
            log.said(line)
    log.said(_norms(net))
    return results


def forward(net: Net, batch: Mapping[str, Tensor], log: Log) -> Pass:
    """A forward pass that says the mean of every blob and parameter. Net::ForwardDebugInfo."""
    done, weights = Pass(), _by_param(net)
    stage_of = {stage.node: stage for stage in net.stages}
    for node in net.graph.nodes:
        if node.layer.is_data:
            found = {value: batch[value.blob] for value in node.outputs}
        elif node in stage_of:
            given = {value: _alias(done.values[value]) for value in node.inputs}
            done.taken[node] = given
            found = stage_of[node].run(net.module, given)
        else:
            continue
        done.values |= found
        for line in _forward_lines(node, found, weights):
            log.said(line)
    return done


def told(net: Net, log: Log, *inputs: Tensor) -> dict[str, Tensor]:
    """What a test net gives for these inputs, run layer by layer in the place of its module.

    Source: Solver::InitTestNets, which hands debug_info on.
    """
    tops = (value.blob for value in net.graph.inputs)
    return forward(net, dict(zip(tops, inputs, strict=True)), log).blobs


def update_lines(weights: Sequence[Weight], data: Sequence[float]) -> Iterator[str]:
    """The mean of every parameter as it was, and of what was taken off it. Net::UpdateDebugInfo."""
    for weight, before in zip(weights, data, strict=True):
        param, grad = weight.param, weight.tensor.grad
        diff = 0.0 if grad is None else mean(grad)
        start = f"    [Update] Layer {param.owner.name}, param {param.name or param.index}"
        yield f"{start} data: {before:g}; diff: {diff:g}"


def mean(tensor: Tensor) -> float:
    """The mean of the absolute values, Caffe's asum over count."""
    return float(tensor.detach().float().abs().mean()) if tensor.numel() else 0.0


def _alias(tensor: Tensor) -> Tensor:
    """A view that has a gradient of its own."""
    if not tensor.requires_grad:
        return tensor
    alias = tensor.view_as(tensor)
    alias.retain_grad()
    return alias


def _by_param(net: Net) -> dict[Any, Tensor]:
    return {weight.param: weight.tensor for weight in net.weights()}


def _moved(made: Sequence[Stage]) -> set[Value]:
    """The values that something learned comes before, which Caffe gives gradients. Net::Init."""
    moved: set[Value] = set()
    for stage in made:
        if _learns(stage.node) or moved.intersection(stage.node.inputs):
            moved.update(stage.node.outputs)
    return moved


def _learns(node: Node) -> bool:
    return any(param.lr_mult and not param.is_statistic for param in node.params)


def _forward_lines(
    node: Node, found: Mapping[Value, Tensor], weights: Mapping[Any, Tensor]
) -> Iterator[str]:
    start = f"    [Forward] Layer {node.name}"
    for value, tensor in found.items():
        yield f"{start}, top blob {value.blob} data: {mean(tensor):g}"
    for index, param in enumerate(node.params):
        yield f"{start}, param blob {param.name or index} data: {mean(weights[param]):g}"


def _backward_lines(
    stage: Stage, taken: Mapping[Value, Tensor], weights: Mapping[Any, Tensor], moved: set[Value]
) -> Iterator[str]:
    start = f"    [Backward] Layer {stage.node.name}"
    for value in stage.node.inputs:
        grad = taken[value].grad if value in moved and taken[value].requires_grad else None
        if grad is not None:
            yield f"{start}, bottom blob {value.blob} diff: {mean(grad):g}"
    for index, param in enumerate(stage.node.params):
        grad = weights[param].grad
        if grad is not None and param.lr_mult and not param.is_statistic:
            yield f"{start}, param blob {index} diff: {mean(grad):g}"


def _norms(net: Net) -> str:
    tensors = [weight.tensor.detach() for weight in net.weights()]
    grads = [w.tensor.grad for w in net.weights() if w.tensor.grad is not None]
    (one, one_diff), (two, two_diff) = (
        [sum(float(torch.linalg.vector_norm(t, p)) ** p for t in some) ** (1 / p) for some in both]
        for p, both in ((1, (tensors, grads)), (2, (tensors, grads)))
    )
    norms = f"L1 norm = ({one:g}, {one_diff:g}); L2 norm = ({two:g}, {two_diff:g})"
    return f"    [Backward] All net params (data, diff): {norms}"
