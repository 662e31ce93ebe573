"""What an operator of torch's graph is given and gives, on the way to Caffe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch.fx import Node

from protonet.lifting.refusal import Refused
from protonet.shape import Shape


@dataclass(eq=False)
class NewBlob:
    """A blob that a layer gives, or an input of the net; it has its name at the very end.

    ``path`` is what it is called after: the module that computes it, and a word where that
    computes more. Where no layer can give it, ``refused`` says why, and ``needs`` is what the
    operator was given: it stands for the value, so that what comes after is looked at as well.
    """

    shape: Shape
    path: str
    refused: Refused | None = None
    needs: tuple[Any, ...] = field(default=(), repr=False)


@dataclass(eq=False)
class Constant:
    """A tensor that is known before the net runs."""

    tensor: torch.Tensor

    @property
    def shape(self) -> Shape:
        """The sizes of the tensor."""
        return tuple(self.tensor.shape)


@dataclass(eq=False)
class View:
    """The elements of a blob in another order: rows and columns turned, cut, repeated, padded.

    ``index`` has the value's shape and tells for every element which of ``base`` it is, counted
    from 0 in the order of memory; -1 is a zero that stands in no blob. ``steps`` are the values
    that the operator at ``node`` was given, where the elements come from by way of others;
    ``made`` is the blob once there is one, ``seen`` what has been found out about the index.
    """

    base: NewBlob
    index: torch.Tensor
    node: Node
    steps: tuple[NewBlob | Constant | View, ...] = ()
    made: NewBlob | None = field(default=None, repr=False)
    seen: object = field(default=None, repr=False)

    @property
    def shape(self) -> Shape:
        """The sizes of the value."""
        return tuple(self.index.shape)


Held: TypeAlias = NewBlob | Constant | View
