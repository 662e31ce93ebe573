"""The parameters of a node: their multipliers, and sharing as Net::AppendParam does it."""

from __future__ import annotations

from typing import Any

from protonet.graph.graph import Node, Param
from protonet.layers.base import Layer, LayerError, count, flaw, show
from protonet.layers.blob import Blob
from protonet.layers.filler import check
from protonet.schema.pool import Message


def node_params(node: Node, message: Message, shared: dict[str, Param]) -> tuple[Param, ...]:
    """Make or find the Param of each blob.

    LayerError where a share does not fit, or there is nothing for a filler to fill. Source:
    Net::AppendParam, Filler::Fill.
    """
    if len(message.param) > len(node.blobs):
        given = len(message.param)
        what = f"it has {len(node.blobs)} parameter blobs, but param is given {given} times"
        raise LayerError(what, "param", len(node.blobs))
    made = []
    for index, blob in enumerate(node.blobs):
        _check_blob(node.layer, index, blob)
        param = Param(node, index, blob)
        if not blob.decays:
            param.decay_mult = 0.0
        if index < len(message.param):
            param = _specified(param, message.param[index], shared)
        made.append(param)
    return tuple(made)


def _check_blob(layer: Layer, index: int, blob: Blob) -> None:
    """LayerError where there can be no such blob, or its filler can't fill it."""
    shape, filler = blob.shape, blob.filler
    problem = flaw(shape)
    if problem:
        raise LayerError(f"its parameter blob {index} would have {problem}")
    if (layer.fills or filler is not None) and not count(shape):
        raise LayerError(f"its parameter blob {index} would be {show(shape)}, without elements")
    if filler is not None:
        own = layer.p.DESCRIPTOR.fields if layer.p else ()
        fields = (f.name for f in own if f.message_type is filler.DESCRIPTOR)
        check(filler, shape, *[name for name in fields if getattr(layer.p, name) is filler])


def _specified(param: Param, spec: Any, shared: dict[str, Param]) -> Param:
    """Apply one ParamSpec, or return the parameter that it names."""
    param.name = spec.name
    param.lr_mult, param.decay_mult = spec.lr_mult, spec.decay_mult
    param.regularization = spec.regularization_type
    if param.regularization not in ("", "L1", "L2"):
        what = f"regularization_type is L1 or L2, not {param.regularization!r}"
        raise LayerError(what, "param", param.index, "regularization_type")
    param.stated.update(f for f in ("lr_mult", "decay_mult") if spec.HasField(f))
    owner = shared.setdefault(spec.name, param) if spec.name else param
    if owner is param:
        return param
    _check_share(owner, param, spec)
    if param.regularization and param.regularization != owner.regularization:
        what = f"it shares the parameter {owner.name!r}, whose regularization_type is "
        what += f"{owner.regularization or 'not stated'}, not {param.regularization}"
        raise LayerError(what, "param", param.index, "regularization_type")
    for field in ("lr_mult", "decay_mult"):
        if spec.HasField(field):
            _check_multiplier(owner, param, field, getattr(spec, field))
            setattr(owner, field, getattr(spec, field))
            owner.stated.add(field)
    return owner


def _check_multiplier(owner: Param, param: Param, field: str, value: float) -> None:
    """LayerError where two that share a parameter state different multipliers."""
    given = getattr(owner, field)
    if field in owner.stated and value != given:
        what = f"it shares the parameter {owner.name!r} with layer {owner.owner.name!r}, whose "
        what += f"{field} is {given:g}, not {value:g}"
        hint = "state one for both, or leave it out here"
        raise LayerError(what, "param", param.index, field, hint=hint)


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
