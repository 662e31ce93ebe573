"""What is wrong with the inputs of a compiled net that could not take them: told in words.

Nothing is looked at before a pass has failed, so that one that works pays nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from protonet.diagnostics import NetError
from protonet.graph import Graph, Node, build
from protonet.layers import REGISTRY
from protonet.runtime.place import places_of
from protonet.schema.load import Loaded, load
from protonet.schema.strings import parsed
from protonet.shape import Shape, show

_PHASES = ("TRAIN", "TEST")


class InputRefused(NetError, RuntimeError):
    """Inputs that a net can't take; also the RuntimeError that torch would have raised."""


def refused(
    net: nn.Module, given: Sequence[object], named: Mapping[str, object]
) -> InputRefused | None:
    """The error of a net whose pass failed; None where its inputs are not to blame."""
    definition: Any = parsed("NetParameter", type(net).protonet_net)[0]  # type: ignore[attr-defined]
    layers = [REGISTRY.get(layer.type) for layer in definition.layer]
    if not layers or any(layer is None or layer.runs_code for layer in layers):
        return None
    loaded, phase = load(definition), _PHASES[definition.state.phase]
    inputs = _inputs(net, loaded, given, named)
    return _of_kinds(net, inputs) or _of_shapes(net, loaded, phase, inputs) if inputs else None


def _inputs(
    net: nn.Module, loaded: Loaded, given: Sequence[object], named: Mapping[str, object]
) -> dict[str, Any]:
    """What each input blob is given; nothing where the call itself is wrong."""
    try:
        bound = inspect.signature(net.forward).bind(*given, **named).arguments
    except TypeError:
        return {}
    blobs = [
        top
        for layer in loaded.message.layer
        if REGISTRY[layer.type].is_data and not len(layer.bottom)
        for top in layer.top
    ]
    return dict(zip(blobs, bound.values(), strict=True)) if len(blobs) == len(bound) else {}


def _of_kinds(net: nn.Module, inputs: Mapping[str, Any]) -> InputRefused | None:
    """The first input that is no tensor, or of another kind or elsewhere than the parameters."""
    first = next((p for p in net.parameters() if p.is_floating_point()), None)
    for blob, value in inputs.items():
        if not isinstance(value, Tensor):
            what = f"the input {blob!r} is a {type(value).__name__}, not a tensor"
            return InputRefused(what, None, "torch.as_tensor makes one of an array")
        if first is not None and value.device != first.device:
            what = f"the input {blob!r} is on {value.device}, and the net is on {first.device}"
            return InputRefused(
                what, None, f"bring both to one device: {blob}.to({first.device!s})"
            )
    if first is None or all(value.dtype == first.dtype for value in inputs.values()):
        return None
    blob, value = next(iter(inputs.items()))
    if value.dtype == first.dtype:
        return None
    what = f"the input {blob!r} is {value.dtype}, and the net's parameters are {first.dtype}"
    return InputRefused(what, None, "convert the input: .float(), or .to the parameters' dtype")


def _of_shapes(
    net: nn.Module, loaded: Loaded, phase: str, inputs: Mapping[str, Tensor]
) -> InputRefused | None:
    """The first layer that inputs of these shapes do not suit."""
    shapes = {blob: tuple(value.shape) for blob, value in inputs.items()}
    made = _built(loaded, phase, {})
    own = {value.blob: value.shape for value in made.inputs} if isinstance(made, Graph) else {}
    meant = f"the net is made for {_listed(own)}" if own else ""
    found = _built(loaded, phase, shapes)
    if isinstance(found, NetError):
        what = f"{_told(shapes, own)}: {found.all[0].message}"
        return InputRefused(what, None, meant or found.hint)
    places = places_of(net)
    for node in found.nodes:
        for blob, place in zip(node.blobs, places.get(node.name, ()), strict=False):
            if blob.shape != place.shape:
                what = f"{_told(shapes, own)}: layer {node.name!r} ({node.type}) is given "
                what += f"{_bottoms(node)}, for which its {blob.name} would be {show(blob.shape)}"
                return InputRefused(f"{what}, and it is {show(place.shape)}", None, meant or None)
    return None


def _built(loaded: Loaded, phase: str, shapes: Mapping[str, Shape]) -> Graph | NetError:
    try:
        return build(loaded, phase, shapes)
    except NetError as error:
        return error


def _told(shapes: Mapping[str, Shape], own: Mapping[str, Shape]) -> str:
    """The inputs that are not as the net's own, batch size apart; all where none is."""
    other = {blob: shape for blob, shape in shapes.items() if own and shape[1:] != own[blob][1:]}
    several = "inputs" if len(other or shapes) > 1 else "input"
    return f"the {several} {_listed(other or shapes)}"


def _listed(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{blob!r} of {show(shape) or 'no axes'}" for blob, shape in shapes.items())


def _bottoms(node: Node) -> str:
    return ", ".join(show(value.shape) for value in node.inputs)
