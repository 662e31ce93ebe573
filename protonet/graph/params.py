"""The parameters of a node: their multipliers, and sharing as Net::AppendParam does it."""

from __future__ import annotations

from typing import Any

from protonet.graph.graph import Node, Param
from protonet.layers.base import LayerError, count, show
from protonet.shape import Shape


def node_params(
    node: Node, message: Any, bottoms: tuple[Shape, ...], shared: dict[str, Param]
) -> tuple[Param, ...]:
    """Make or find the Param of each blob.

    LayerError where a share does not fit, or there is nothing for a filler to fill. Source:
    Net::AppendParam, Filler::Fill.
    """
    shapes = node.layer.blob_shapes(*bottoms)
    if len(message.param) > len(shapes):
        raise LayerError(
            f"it has {len(shapes)} parameter blobs, but param is given {len(message.param)} times",
            "param",
            len(shapes),
        )
    fillers = node.layer.fillers() or (None,) * len(shapes)
    made = []
    for index, shape in enumerate(shapes):
        if fillers[index] is not None and not count(shape):
            raise LayerError(f"its parameter blob {index} would be {show(shape)}, without elements")
        param = Param(node, index, shape, fillers[index], is_statistic=node.layer.frozen(index))
        if index < len(message.param):
            param = _specified(param, message.param[index], shared)
        made.append(param)
    return tuple(made)


def _specified(param: Param, spec: Any, shared: dict[str, Param]) -> Param:
    """Apply one ParamSpec, or return the parameter that it names."""
    param.name = spec.name
    param.lr_mult, param.decay_mult = spec.lr_mult, spec.decay_mult
    owner = shared.setdefault(spec.name, param) if spec.name else param
    if owner is param:
        return param
    _check_share(owner, param, spec)
    for field in ("lr_mult", "decay_mult"):
        if spec.HasField(field):
            setattr(owner, field, getattr(spec, field))
    return owner


def _check_share(owner: Param, param: Param, spec: Any) -> None:
    permissive = spec.share_mode == 1
    same = count(owner.shape) == count(param.shape) if permissive else owner.shape == param.shape
    if not same:
        raise LayerError(
            f"it shares the parameter {spec.name!r} of shape {show(owner.shape)} with layer "
            f"{owner.owner.name!r}, but its own would have the shape {show(param.shape)}",
            "param",
            param.index,
        )
