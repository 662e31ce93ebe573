"""The gradients of a step: zeroed, summed over passes, averaged over the processes of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from protonet.training.parallel import Group


class Gradients:
    """Each parameter's gradient, left to the backward pass or a view of one buffer.

    A process alone forgets them before a step: the pass then hands over what it computed, where
    adding that to zeros would take three more trips through memory. Several processes keep one
    buffer, which one fill zeroes and one all-reduce averages; with ``layer_wise`` each gradient
    is averaged while the pass goes on. Source: Net::ClearParamDiffs, NCCL::on_gradients_ready.
    """

    def __init__(self, tensors: Sequence[Tensor], group: Group, layer_wise: bool = True) -> None:
        self.parameters = [t for t in tensors if isinstance(t, Parameter) and t.requires_grad]
        self.group = group
        self.last_pass = True
        self.waiting: list[Any] = []
        self.layer_wise = layer_wise and group.size > 1
        if self.layer_wise:
            for parameter in self.parameters:
                parameter.register_post_accumulate_grad_hook(self._ready)  # type: ignore[no-untyped-call,unused-ignore]
        if group.size > 1:
            self.attach()

    def attach(self) -> None:
        """Make every gradient a view of the buffer, in the parameter's own strides."""
        total = sum(p.numel() for p in self.parameters)
        device = self.parameters[0].device if self.parameters else None
        self.buffer = torch.zeros(total, device=device)
        start = 0
        for parameter in self.parameters:
            view = self.buffer[start : start + parameter.numel()]
            parameter.grad = view.as_strided(
                parameter.shape, parameter.stride(), view.storage_offset()
            )
            start += parameter.numel()

    def zero(self) -> None:
        """Start every gradient anew."""
        if self.group.size > 1:
            self.buffer.zero_()
            return
        for parameter in self.parameters:
            parameter.grad = None

    def reduce(self) -> None:
        """Average over the processes, once the last pass of the iteration is done."""
        if self.group.size == 1:
            return
        if self.layer_wise:
            for work in self.waiting:
                work.wait()
            self.waiting.clear()
        else:
            self.group.sum(self.buffer)
        self.buffer.mul_(1.0 / self.group.size)

    def _ready(self, parameter: Tensor) -> None:
        if self.last_pass and parameter.grad is not None:
            self.waiting.append(self.group.start_sum(parameter.grad))
