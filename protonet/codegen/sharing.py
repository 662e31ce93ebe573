"""One parameter under several names: as the same tensor, or as a view in another shape."""

from __future__ import annotations

from protonet.graph.graph import Param
from protonet.layers.base import Layer
from protonet.program.expr import Expr, Name
from protonet.shape import Shape


def same_tensor(param: Param, layer: Layer, index: int, shape: Shape) -> bool:
    """Whether a layer can hold a shared parameter as its owner does."""
    owner = param.owner.layer
    alike = owner.transposed(param.index) == layer.transposed(index)
    held = owner.held(param.index, param.shape) == layer.held(index, shape)
    return alike and held and (param.shape == shape or not layer.transposed(index))


def view(name: str, param: Param, layer: Layer, index: int, shape: Shape) -> Expr:
    """The owner's tensor as another layer reads it; Caffe shares the elements in their order."""
    owner = param.owner.layer
    turned, turns = owner.transposed(param.index), layer.transposed(index)
    value: Expr = Name(f"self.{name}")
    value = value.t() if turned else value
    given = param.shape if turned else owner.held(param.index, param.shape)
    wanted = shape if turns else layer.held(index, shape)
    value = value if given == wanted else value.reshape(*wanted)
    return value.t() if turns else value
