"""Batch normalisation by the batch's own statistics, said in plain operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class BatchStatistics(TorchFunctionMode):
    """While it is entered, F.batch_norm of a batch's own statistics computes them step by step.

    ONNX's BatchNormalization takes stored ones; torch.onnx would write it with the wrong numbers.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        training = given.get("training", args[5] if len(args) > 5 else False)
        if function is F.batch_norm and training:
            return _by_batch(*args, **given)
        return function(*args, **given)


def _by_batch(
    x: Tensor,
    mean: Tensor | None,
    variance: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    axes = [0, *range(2, x.dim())]
    centred = x - x.mean(axes, keepdim=True)
    y = centred / torch.sqrt((centred * centred).mean(axes, keepdim=True) + eps)
    shape = [1, -1, *[1] * (x.dim() - 2)]
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)
