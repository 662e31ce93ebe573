"""Python: a user's own class, written for pycaffe, inside autograd."""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from protonet.layers.base import REGISTRY, Example, Layer, LayerError, Shape, register
from protonet.layers.blob import Blob as ParameterBlob
from protonet.layers.param_str import Namesake
from protonet.program import Builder, Expr, Ref, nn, torch
from protonet.schema.pool import Message

if TYPE_CHECKING:
    import numpy as np
else:

    class _Numpy:
        """numpy, from its first use on: most nets run no class, and start sooner without it."""

        def __getattr__(self, name: str) -> Any:
            return getattr(importlib.import_module("numpy"), name)

    np = _Numpy()

MAPPED: dict[str, str] = {}
_OWN: set[str] = set()  # classes of the user's that run though protonet has one of their name


def map_to_torch(name: str, target: str) -> None:
    """Let a torch module stand for a Python layer.

    ``name`` is "module.layer" of its python_param, ``target`` "my_package.my_module:MyClass", an
    nn.Module that takes param_str, and the bottoms as tensors in its forward.
    """
    if ":" not in target:
        raise ValueError(f"{target!r} is no class; write it as my_package.my_module:MyClass")
    MAPPED[name] = target


def prefer_own(name: str, own: bool = True) -> None:
    """Run the user's class of a name, "module.layer", though protonet has one; or not any more."""
    (_OWN.add if own else _OWN.discard)(name)


def layer_class(message: Message) -> type[Layer] | None:
    """The class of a layer by its type, or None.

    A Python layer whose class protonet knows, such as "rpn.proposal_layer.ProposalLayer", has a
    layer of that name, which runs nothing of the user's; map_to_torch comes first. One with other
    numbers of bottoms or tops, or with options of its own, is another class of that name. Where
    forks give one type to different layers, what is stated tells which is meant.
    """
    kind = message.type
    if kind == "Python":
        name = f"{message.python_param.module}.{message.python_param.layer}"
        if name in REGISTRY and name not in MAPPED and name not in _OWN:
            known, counts = REGISTRY[name], (len(message.bottom), len(message.top))
            fits = zip(counts, (known.bottoms, known.tops), strict=True)
            counted = all(low <= n <= (n if high is None else high) for n, (low, high) in fits)
            if counted and (not issubclass(known, Namesake) or known.knows(message)):
                return known
    cls = REGISTRY.get(kind)
    other = cls.form(message) if cls is not None else ""
    return REGISTRY[other] if other else cls


@register("Python")
class PythonLayer(Layer):
    """Run the class ``layer`` of ``module``: its setup, reshape, forward and backward, on the CPU.

    Any shapes; the class states those of the tops in reshape, and adds blobs of its own by
    self.blobs.add_blob. It runs only with allow_python.
    Source: Caffe's PythonLayer.
    """

    param = "python_param"
    bottoms = (0, None)
    tops = (0, None)
    runs_code = True
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "l" type: "Python" bottom: "x" top: "y" '
            'python_param { module: "my_layers" layer: "Double" } }',
            {"x": (2, 3)},
            {"y": (2, 3)},
            'self.l = PycaffeLayer("my_layers", "Double", "", 1, [[2, 3]])',
        ),
    )

    @property
    def name(self) -> str:
        """The class as the prototxt names it."""
        return f"{self.p.module}.{self.p.layer}"

    def __init__(self, message: Message, phase: str = "TEST") -> None:
        super().__init__(message, phase)
        self.added: tuple[Shape, ...] = ()
        self.made: Any = None  # the object that was asked for the shapes

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        try:
            return self.by_torch(bottoms) if self.name in MAPPED else self.by_pycaffe(bottoms)
        except Exception as error:
            what = f"{self.name} fails: {type(error).__name__}: {error}"
            raise LayerError(what, "module") from error

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
        names = (self.p.module, self.p.layer, self.p.param_str)
        layer = pycaffe_layer(*names, self.phase == "TRAIN")
        bottom = [PycaffeBlob(np.zeros(shape, np.float32)) for shape in bottoms]
        top = tops_of(len(self.message.top), bottom, self.in_place())
        layer.setup(bottom, top)
        layer.reshape(bottom, top)
        self.added, self.made = tuple(blob.shape for blob in layer.blobs), layer
        return tuple(blob.shape for blob in top)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[ParameterBlob, ...]:
        return tuple(ParameterBlob(f"blob{i}", shape) for i, shape in enumerate(self.added))

    def in_place(self) -> list[int]:
        """The tops that are their bottoms."""
        pairs = zip(self.message.bottom, self.message.top, strict=False)
        return [i for i, (bottom, top) in enumerate(pairs) if bottom == top]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        if self.name in MAPPED:
            module, _, name = MAPPED[self.name].partition(":")
            b.imports.append(module)
            return b.module(Ref(f"{module}.{name}"), self.p.param_str)(*bottoms)
        for helper in (PycaffeBlob, PycaffeBlobs, pycaffe_layer, tops_of, PycaffeFunction):
            b.helper(helper)
        in_place = {"in_place": self.in_place()} if self.in_place() else {}
        run = b.module(
            PycaffeLayer,
            self.p.module,
            self.p.layer,
            self.p.param_str,
            len(b.tops),
            [list(shape) for shape in b.bottoms],
            train=self.phase == "TRAIN",
            **in_place,
        )(*bottoms)
        return run[0] if len(b.tops) == 1 else run


class PycaffeBlob:
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


class PycaffeBlobs(list[Any]):
    """The blobs that a layer adds; add_blob takes a shape, as pycaffe's does."""

    def add_blob(self, *shape: int) -> None:
        self.append(PycaffeBlob(np.zeros(shape, np.float32)))


def pycaffe_layer(module: str, layer: str, param_str: str, train: bool) -> Any:
    """An instance of a class written for pycaffe; a stand-in is its ``caffe`` if need be."""
    try:
        importlib.import_module("caffe")
    except ImportError:
        sys.modules["caffe"] = types.ModuleType("caffe")
        own = {"Layer": type("Layer", (), {}), "TRAIN": 0, "TEST": 1}
        vars(sys.modules["caffe"]).update(own)
    made = getattr(importlib.import_module(module), layer)()
    made.param_str = made.param_str_ = param_str
    made.phase = 0 if train else 1
    made.blobs = PycaffeBlobs()
    return made


def tops_of(count: int, bottom: list[Any], in_place: list[int]) -> list[Any]:
    """New blobs for the tops, and the bottoms themselves for those in-place."""
    tops = [PycaffeBlob(np.zeros(1, np.float32)) for _ in range(count)]
    for i in in_place:
        tops[i] = bottom[i]
    return tops


class PycaffeFunction(torch.autograd.Function):
    """A pass through a pycaffe layer, and its own backward."""

    @staticmethod
    def forward(
        ctx: Any,
        layer: Any,
        tops: int,
        in_place: list[int],
        *inputs: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        own = len(inputs) - len(layer.blobs)
        given = (x.detach().cpu().float().numpy() for x in inputs[:own])
        bottom = [PycaffeBlob(values.copy()) for values in given]
        top = tops_of(tops, bottom, in_place)
        for blob, x in zip(layer.blobs, inputs[own:], strict=True):
            blob.data = x.detach().cpu().float().numpy()
        layer.reshape(bottom, top)
        layer.forward(bottom, top)
        ctx.layer, ctx.bottom, ctx.top = layer, bottom, top
        like = inputs[0] if inputs else torch.zeros(())
        return tuple(torch.from_numpy(blob.data.copy()).to(like) for blob in top)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        for blob, gradient in zip(ctx.top, gradients, strict=True):
            blob.diff[...] = gradient.cpu().float().numpy()
        for blob in ctx.layer.blobs:
            blob.diff = np.zeros_like(blob.data)
        needed = ctx.needs_input_grad[3:]
        ctx.layer.backward(ctx.top, list(needed[: len(ctx.bottom)]), ctx.bottom)
        returned: list[torch.Tensor | None] = [None, None, None]
        for blob, need in zip((*ctx.bottom, *ctx.layer.blobs), needed, strict=True):
            diff = torch.from_numpy(blob.diff.copy()).to(gradients[0])
            returned.append(diff if need else None)
        return tuple(returned)


class PycaffeLayer(nn.Module):
    """A layer that Python code computes, on CPU arrays; its blobs are blob0, blob1, ..."""

    def __init__(
        self,
        module: str,
        layer: str,
        param_str: str,
        tops: int,
        bottoms: list[list[int]],
        in_place: list[int] | None = None,
        train: bool = False,
    ) -> None:
        super().__init__()
        self.tops = tops
        self.in_place = in_place or []
        self.layer = pycaffe_layer(module, layer, param_str, train)
        bottom = [PycaffeBlob(np.zeros(shape, np.float32)) for shape in bottoms]
        self.layer.setup(bottom, tops_of(tops, bottom, self.in_place))
        for index, blob in enumerate(self.layer.blobs):
            own = nn.Parameter(torch.from_numpy(blob.data))
            self.register_parameter(f"blob{index}", own)

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        run: Any = PycaffeFunction.apply
        everything = (*inputs, *self.parameters())
        outputs: tuple[torch.Tensor, ...]
        outputs = run(self.layer, self.tops, self.in_place, *everything)
        return outputs
