"""Where a pattern stands: one operator of torch's graph, and the net that it adds to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch.fx import Node

from protonet.arrays import Array
from protonet.layers import LayerError
from protonet.lifting.dialects import DIALECTS, Dialect
from protonet.lifting.draft import (
    Draft,
    Fields,
    NewLayer,
    new_message,
    not_finite,
    own_message,
    shapes_of,
)
from protonet.lifting.names import path_of
from protonet.lifting.refusal import Refusal
from protonet.lifting.values import Held, NewBlob, View
from protonet.schema.pool import Message
from protonet.shape import Shape, show


@dataclass(frozen=True)
class Operator:
    """An operator, what it gives, and the draft to which its layers are added.

    ``made`` turns a view into a blob, by layers; ``held`` tells what holds an earlier node's value.
    """

    node: Node
    draft: Draft
    made: Callable[[Operator, View], NewBlob]
    held: Mapping[Node, Any]

    @property
    def dialect(self) -> Dialect:
        """The dialect that is written."""
        return self.draft.dialect

    @property
    def shape(self) -> Shape:
        """The shape of what the operator gives; of the first where it gives several."""
        value = self.node.meta["val"]
        return tuple((value[0] if isinstance(value, tuple | list) else value).shape)

    def has(self, kind: str, *fields: str) -> bool:
        """Whether the dialect has a layer type, and takes these fields with any value."""
        return self.dialect.has(kind, *fields)

    def layer(
        self,
        kind: str,
        *bottoms: Held,
        part: str = "",
        word: str = "",
        blobs: Sequence[torch.Tensor | Array] = (),
        **fields: Any,
    ) -> NewBlob:
        """Add a layer of one top and return that; see ``layers``."""
        (top,) = self.layers(kind, *bottoms, part=part, word=word, blobs=blobs, **fields)
        return top

    def layers(
        self,
        kind: str,
        *bottoms: Held,
        part: str = "",
        word: str = "",
        blobs: Sequence[torch.Tensor | Array] = (),
        tops: int = 1,
        **fields: Any,
    ) -> tuple[NewBlob, ...]:
        """Add a layer with ``tops`` tops and return them, of the shapes that protonet infers.

        ``fields`` are those of the type's own message; None leaves one out. ``blobs`` are its
        parameters in Caffe's order and shapes. ``part`` is a word for its name where the operator
        takes several layers, ``word`` one in place of the operator's own. Refusal where the
        dialect has no such layer, or it takes no such bottom.
        """
        self._refuse_infinity(kind, fields)
        message = self._message(kind, fields)
        flaw = self.dialect.flaw(kind, own_message(message), tops)
        if flaw:
            self.refuse(flaw, self._elsewhere(message, tops))
        given = [self.blob(bottom) for bottom in bottoms]
        path = path_of(self.node, part, word)
        message.bottom.extend(f"bottom{i}" for i in range(len(given)))
        message.top.extend(f"top{i}" for i in range(tops))
        try:
            shapes = shapes_of(message, [top.shape for top in given])
        except LayerError as error:
            sizes = " and ".join(show(top.shape) for top in given)
            self.refuse(f"{kind} does not take {sizes}: {error.message}", error.hint)
        made = tuple(NewBlob(shape, path) for shape in shapes)
        arrays = [as_array(blob) for blob in blobs]
        tensors = [blob if isinstance(blob, torch.Tensor) else None for blob in blobs]
        states = tuple(None if each is None else self.draft.state_of(each) for each in tensors)
        trained = any(each is not None and self.draft.is_trained(each) for each in tensors)
        layer = NewLayer(message, given, list(made), arrays, path, self.node, states, trained)
        self.draft.layers.append(layer)
        return made

    def _refuse_infinity(self, kind: str, fields: Fields) -> None:
        beyond = not_finite(fields)
        if beyond:
            what = f"{kind} would take {fields[beyond]} as {beyond}"
            self.refuse(what, "choose a number that single precision holds, and no infinity")

    def takes(self, kind: str, tops: int = 1, **fields: Any) -> bool:
        """Whether the dialect takes a layer of these very fields."""
        if not self.has(kind) or not_finite(fields):
            return False
        return not self.dialect.flaw(kind, own_message(self._message(kind, fields)), tops)

    def _elsewhere(self, message: Message, tops: int) -> str | None:
        """A hint at the dialects that take a layer."""
        own = own_message(message)
        names = [each.name for each in DIALECTS.values() if not each.flaw(message.type, own, tops)]
        return f"the dialects {', '.join(names)} take it" if names else None

    def _message(self, kind: str, fields: dict[str, Any]) -> Message:
        return new_message(kind, {k: v for k, v in fields.items() if v is not None})

    def blob(self, value: Held) -> NewBlob:
        """The blob that a value is, made by layers where it is none yet."""
        if isinstance(value, NewBlob):
            return value
        if isinstance(value, View):
            return self.made(self, value)
        return self.constant(value.tensor)

    def constant(self, tensor: torch.Tensor, part: str = "constant") -> NewBlob:
        """A blob that holds a tensor: a Parameter layer's, where the dialect has it."""
        shape = {"dim": list(tensor.shape)}
        return self.layer("Parameter", part=part, blobs=[tensor], shape=shape)

    def reshape(self, value: Held, shape: Shape, part: str = "reshape") -> NewBlob:
        """A blob's elements under another shape."""
        top = self.blob(value)
        if top.shape == shape:
            return top
        return self.layer("Reshape", top, part=part, shape={"dim": reshaped(top.shape, shape)})

    def refuse(self, message: str, hint: str | None = None) -> NoReturn:
        """Say that the operator can't be written, and what would do instead."""
        raise Refusal(message, hint)


def reshaped(old: Shape, new: Shape) -> list[int]:
    """The dims of a Reshape: 0 where the batch is kept, so that it may change."""
    if old and new and old[0] == new[0] and len(new) > 1:
        return [0, *new[1:]]
    return list(new)


def as_array(blob: torch.Tensor | Array) -> Array:
    """A parameter in single precision; the memory of the module's own where it may be."""
    array = blob.detach().cpu().numpy() if isinstance(blob, torch.Tensor) else blob
    return np.asarray(array, dtype=np.float32, order="C")
