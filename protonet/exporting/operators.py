"""Operators of ONNX inside a PyTorch function that torch.export traces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import torch
from torch import SymInt, Tensor

FreeShape = Sequence[int | SymInt]
OnnxAttribute = int | float | str | Sequence[int] | Sequence[float]

_BUILDERS: dict[str, Callable[..., object]] = {}
_NUMBERS = count()


def operator(
    name: str, inputs: Sequence[Tensor | None], shape: FreeShape, **attributes: OnnxAttribute
) -> Tensor:
    """One operator of ONNX with one output of that shape, of single precision."""
    single = torch.float32
    return torch.onnx.ops.symbolic(name, inputs, dict(attributes), dtype=single, shape=list(shape))


def built(
    build: Callable[..., object], inputs: Sequence[Tensor], shapes: Sequence[FreeShape]
) -> tuple[Tensor, ...]:
    """Outputs of these shapes that ``build`` makes of the inputs with onnxscript's operators.

    ``build`` is called while the graph becomes ONNX's, and gives one value an output.
    """
    key = str(next(_NUMBERS))
    _BUILDERS[key] = build
    sizes = [size for shape in shapes for size in shape]
    return tuple(_said(list(inputs), key, sizes, [len(shape) for shape in shapes]))


@torch.library.custom_op("protonet::said", mutates_args=())
def _said(
    inputs: Sequence[Tensor], key: str, sizes: Sequence[int], ranks: Sequence[int]
) -> list[Tensor]:
    raise AssertionError("it is only traced")


@_said.register_fake
def _(
    inputs: Sequence[Tensor], key: str, sizes: Sequence[int], ranks: Sequence[int]
) -> list[Tensor]:
    left, made = list(sizes), []
    for rank in ranks:
        made.append(inputs[0].new_empty(left[:rank], dtype=torch.float32))
        left = left[rank:]
    return made


def table() -> dict[Callable[..., object], Callable[..., object]]:
    """What torch.onnx is to make of ``built``."""

    def translated(
        inputs: Sequence[object], key: str, sizes: Sequence[object], ranks: Sequence[int]
    ) -> object:
        made = _BUILDERS.pop(key)(*inputs)
        return list(made) if isinstance(made, tuple) else [made]

    return {
        torch.ops.protonet.said.default: translated,
        torch.ops.aten.sort.stable: _sorted,
    }


def _sorted(x: Any, *, stable: bool, dim: int = -1, descending: bool = False) -> object:
    """TopK of all: equal numbers stay as they stand, as a stable sort leaves them."""
    from onnxscript import opset18 as op

    length = op.Shape(x, start=dim, end=None if dim == -1 else dim + 1)
    values, order = op.TopK(x, length, axis=dim, largest=int(descending), sorted=1)
    return [values, order]
