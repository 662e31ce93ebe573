"""The net as it grows: layers over blobs that have no names yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.fx import Node

from protonet.arrays import Array
from protonet.layers import REGISTRY
from protonet.lifting.dialects import Dialect
from protonet.lifting.values import NewBlob
from protonet.schema.pool import Message, is_repeated, message
from protonet.shape import Shape

# Which part of whose memory a tensor is: its address, the first element, the sizes and the steps.
State: TypeAlias = tuple[int, int, tuple[int, ...], tuple[int, ...]]
# The fields of a layer's message by their names, of whatever kind each is.
Fields: TypeAlias = dict[str, Any]

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(eq=False)
class NewLayer:
    """A layer of the draft: its message without names, its blobs, and the operator it is for.

    ``path`` is what it will be called. ``states`` tells of every parameter of the module's among
    ``blobs`` which it is, and ``is_trained`` whether training changes one: such numbers stay what
    they are, however alike they look.
    """

    message: Message
    bottoms: list[NewBlob]
    tops: list[NewBlob]
    blobs: Sequence[Array]
    path: str
    node: Node
    states: tuple[State | None, ...] = ()
    is_trained: bool = False

    @property
    def type(self) -> str:
        """The layer's type."""
        return str(self.message.type)


@dataclass
class Draft:
    """The layers so far, the net's inputs, its outputs, and which blob an operator's value is."""

    dialect: Dialect
    layers: list[NewLayer] = field(default_factory=list)
    inputs: list[NewBlob] = field(default_factory=list)
    outputs: list[NewBlob] = field(default_factory=list)
    values: dict[Node, NewBlob] = field(default_factory=dict)
    results: list[object] = field(default_factory=list)
    states: dict[int, bool] = field(default_factory=dict)

    def remember(self, tensor: torch.Tensor, is_trained: bool) -> None:
        """Know a tensor, and all views of it, as the module's own, which training may change."""
        self.states[tensor.untyped_storage().data_ptr()] = is_trained

    def state_of(self, tensor: torch.Tensor) -> State | None:
        """Which of the module's own tensors one is a view of; None where it was computed."""
        memory = tensor.untyped_storage().data_ptr()
        if memory not in self.states:
            return None
        return memory, int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride()

    def is_trained(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is a parameter of the module's, so that training changes it."""
        return self.states.get(tensor.untyped_storage().data_ptr(), False)

    def readers(self, blob: NewBlob) -> list[NewLayer]:
        """The layers that read a blob."""
        return [layer for layer in self.layers if blob in layer.bottoms]

    def replace(self, old: NewBlob, new: NewBlob) -> None:
        """Let every reader of a blob read another."""
        for layer in self.layers:
            layer.bottoms = [new if bottom is old else bottom for bottom in layer.bottoms]
        self.outputs = [new if blob is old else blob for blob in self.outputs]
        self.values = {n: new if b is old else b for n, b in self.values.items()}


def shapes_of(kind: Message, bottoms: Sequence[Shape]) -> tuple[Shape, ...]:
    """The shapes of a layer's tops, as protonet's own layer tells them. LayerError as it does."""
    return REGISTRY[kind.type](kind).infer(*bottoms)


def new_message(kind: str, fields: Fields) -> Message:
    """A LayerParameter of a type with fields of its own message, enums by their names."""
    from google.protobuf.json_format import ParseDict

    made = message("LayerParameter")
    made.type = kind
    own = REGISTRY[kind].param
    if fields:
        assert own is not None, f"{kind} has no fields"
        target = getattr(made, own)
        ParseDict({k: _fitting(target, k, v) for k, v in fields.items()}, target)
    return made


def not_finite(fields: Fields) -> str:
    """The first field with a number that single precision has no room for; "" for none."""
    for name, value in fields.items():
        numbers = value if isinstance(value, list | tuple) else (value,)
        if any(isinstance(each, float) and not abs(each) <= _LARGEST for each in numbers):
            return name
    return ""


def own_message(layer: Message) -> Message | None:
    """The message of a layer's own type inside it; None where the type has none."""
    name = REGISTRY[layer.type].param
    return getattr(layer, name) if name else None


def _fitting(target: Message, name: str, value: Any) -> Any:
    """A single value as a list where the field is repeated."""
    repeats = is_repeated(target.DESCRIPTOR.fields_by_name[name])
    return [value] if repeats and not isinstance(value, list | tuple) else value
