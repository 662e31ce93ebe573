"""Python: a user's own class, written for pycaffe, inside autograd."""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import numpy as np

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, Ref, nn, torch

MAPPED: dict[str, str] = {}


def map_to_torch(name: str, target: str) -> None:
    """Let a torch module stand for a Python layer.

    ``name`` is "module.layer" of its python_param, ``target`` "my_package.my_module:MyClass", an
    nn.Module that takes param_str, and the bottoms as tensors in its forward.
    """
    if ":" not in target:
        raise ValueError(f"{target!r} is no class; write it as my_package.my_module:MyClass")
    MAPPED[name] = target


@register("Python")
class PythonLayer(Layer):
    """Run the class ``layer`` of ``module``: its setup, reshape, forward and backward, on the CPU.

    Any shapes; the class states those of the tops in reshape. It runs only with allow_python.
    Source: Caffe's PythonLayer.
    """

    param = "python_param"
    bottoms = (0, None)
    tops = (0, None)
    runs_code = True
    examples = (
        Example(
            'layer { name: "l" type: "Python" bottom: "x" top: "y" '
            'python_param { module: "my_layers" layer: "Double" } }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            'self.l = PycaffeLayer("my_layers", "Double", "", 1)',
        ),
    )

    @property
    def name(self) -> str:
        """The class as the prototxt names it."""
        return f"{self.p.module}.{self.p.layer}"

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        try:
            return self.by_torch(bottoms) if self.name in MAPPED else self.by_pycaffe(bottoms)
        except Exception as error:  # noqa: BLE001 (whatever the user's class does wrong)
            what = f"{self.name} fails: {type(error).__name__}: {error}"
            raise LayerError(what, "module") from None

    def by_torch(self, bottoms: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes that the torch module returns for zeros."""
        from torch import Tensor, zeros

        module, _, name = MAPPED[self.name].partition(":")
        run = getattr(importlib.import_module(module), name)(self.p.param_str)
        given = run(*(zeros(shape) for shape in bottoms))
        tops = (given,) if isinstance(given, Tensor) else tuple(given)
        if len(tops) != len(self.message.top):
            raise ValueError(f"it returns {len(tops)} tensors for {len(self.message.top)} tops")
        return tuple(tuple(top.shape) for top in tops)

    def by_pycaffe(self, bottoms: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The shapes that the class gives its tops in reshape."""
        layer = pycaffe_layer(self.p.module, self.p.layer, self.p.param_str)
        below = [Blob(np.zeros(shape, np.float32)) for shape in bottoms]
        above = [Blob(np.zeros(1, np.float32)) for _ in self.message.top]
        layer.setup(below, above)
        layer.reshape(below, above)
        return tuple(blob.shape for blob in above)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        if self.name in MAPPED:
            module, _, name = MAPPED[self.name].partition(":")
            b.imports.append(module)
            return b.module(Ref(f"{module}.{name}"), self.p.param_str)(*bottoms)
        for helper in (Blob, pycaffe_layer, PycaffeFunction):
            b.helper(helper)
        names = (self.p.module, self.p.layer, self.p.param_str)
        run = b.module(PycaffeLayer, *names, len(b.tops))(*bottoms)
        return run[0] if len(b.tops) == 1 else run


class Blob:
    """One of pycaffe's blobs: an array, its gradient, and the names of four axes."""

    def __init__(self, data: np.ndarray[Any, Any]) -> None:
        self.data = data
        self.diff = np.zeros_like(data)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.data.shape)

    @property
    def count(self) -> int:
        return int(self.data.size)

    @property
    def num(self) -> int:
        return self.axis(0)

    @property
    def channels(self) -> int:
        return self.axis(1)

    @property
    def height(self) -> int:
        return self.axis(2)

    @property
    def width(self) -> int:
        return self.axis(3)

    def axis(self, index: int) -> int:
        return self.shape[index] if index < len(self.shape) else 1

    def reshape(self, *shape: int) -> None:
        if tuple(shape) != self.data.shape:
            self.data = np.zeros(shape, self.data.dtype)
            self.diff = np.zeros_like(self.data)


def pycaffe_layer(module: str, layer: str, param_str: str) -> Any:
    """An instance of a class written for pycaffe; a stand-in is its ``caffe`` if need be."""
    try:
        importlib.import_module("caffe")
    except ImportError:
        sys.modules["caffe"] = types.ModuleType("caffe")
        vars(sys.modules["caffe"])["Layer"] = type("Layer", (), {})
    made = getattr(importlib.import_module(module), layer)()
    made.param_str = made.param_str_ = param_str
    return made


class PycaffeFunction(torch.autograd.Function):
    """A pass through a pycaffe layer, and its own backward."""

    @staticmethod
    def forward(
        ctx: Any,
        layer: Any,
        tops: int,
        *inputs: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        bottom = [Blob(x.detach().cpu().float().numpy().copy()) for x in inputs]
        top = [Blob(np.zeros(1, np.float32)) for _ in range(tops)]
        if not hasattr(layer, "pycaffe_is_set_up"):
            layer.setup(bottom, top)
            layer.pycaffe_is_set_up = True
        layer.reshape(bottom, top)
        layer.forward(bottom, top)
        ctx.layer, ctx.bottom, ctx.top = layer, bottom, top
        like = inputs[0] if inputs else torch.zeros(())
        return tuple(torch.from_numpy(blob.data.copy()).to(like) for blob in top)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        for blob, gradient in zip(ctx.top, gradients, strict=True):
            blob.diff[...] = gradient.cpu().float().numpy()
        down = list(ctx.needs_input_grad[2:])
        ctx.layer.backward(ctx.top, down, ctx.bottom)
        returned: list[torch.Tensor | None] = [None, None]
        for blob, need in zip(ctx.bottom, down, strict=True):
            diff = torch.from_numpy(blob.diff.copy()).to(gradients[0])
            returned.append(diff if need else None)
        return tuple(returned)


class PycaffeLayer(nn.Module):
    """A layer that Python code computes, on CPU arrays."""

    def __init__(self, module: str, layer: str, param_str: str, tops: int) -> None:
        super().__init__()
        self.layer = pycaffe_layer(module, layer, param_str)
        self.tops = tops

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        run: Any = PycaffeFunction.apply
        outputs: tuple[torch.Tensor, ...] = run(self.layer, self.tops, *inputs)
        return outputs
