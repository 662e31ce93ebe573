"""A compiled net beside its layers one by one, as the prototxt has them: how far blobs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from protonet.graph import Node, Value
from protonet.runtime.net import RunnableNet, kept_state
from protonet.shape import Shape

# Folding statistics into one factor rounds otherwise, layer upon layer: a deep net in single
# precision keeps some five digits of its largest values.
TOLERANCE = 1e-4
_DECIDES = ("ArgMax", "Threshold")


@dataclass(frozen=True)
class Distance:
    """How far a blob is from the reference: the largest difference, and the largest value there.

    ``largest`` is infinite where the shapes differ, or where one has a number and the other none.
    ``decided`` says that the blob hangs on a comparison, which rounding may turn.
    """

    blob: str
    shape: Shape
    largest: float
    size: float
    decided: bool = False

    @property
    def ratio(self) -> float:
        """The difference as a part of the largest value."""
        return self.largest / self.size if self.size else self.largest

    @property
    def is_far(self) -> bool:
        """Whether it is more than rounding explains."""
        return not self.ratio <= TOLERANCE


def differences(
    net: RunnableNet, reference: RunnableNet, inputs: Mapping[str, Tensor]
) -> tuple[list[Distance], list[Distance]]:
    """Each blob that both have, in the net's order; and what the whole net gives out.

    A layer that decides, by a comparison, is given the reference's values: of one that turns on
    rounding the whole net may say something else, which its ``decided`` says.
    """
    with torch.no_grad(), kept_state(net.module), kept_state(reference.module):
        wanted = _values(reference, inputs, {})
        led = _values(net, inputs, _leading(reference, wanted))
        last = {value.blob: found for value, found in wanted.items()}
        own = {value.blob: found for value, found in led.items()}
    decided = _decided(net)
    parts = [
        _difference(blob, value, last[blob], blob in decided)
        for blob, value in own.items()
        if blob in last and blob not in inputs
    ]
    with torch.no_grad(), kept_state(net.module):
        given = net.module(*(inputs[value.blob] for value in net.graph.inputs))
    outputs = [v.blob for v in net.graph.outputs if not v.producer.layer.is_data]
    named = given if isinstance(given, dict) else dict(zip(outputs, [given], strict=True))
    whole = [
        _difference(blob, value, last[blob], blob in decided)
        for blob, value in named.items()
        if blob in last
    ]
    return parts, whole


def _decides(node: Node) -> bool:
    layer = node.layer
    return layer.grows is not None or layer.kind == "metric" or node.type in _DECIDES


def _decided(net: RunnableNet) -> set[str]:
    """The blobs that decisions reach."""
    reached: set[Value] = set()
    for node in net.graph.nodes:
        if _decides(node) or reached.intersection(node.inputs):
            reached.update(node.outputs)
    return {value.blob for value in reached}


def _leading(reference: RunnableNet, values: Mapping[Value, Tensor]) -> dict[str, Sequence[Tensor]]:
    """The bottoms of each layer that decides, by its name."""
    return {
        node.name: [values[value] for value in node.inputs]
        for node in reference.graph.nodes
        if _decides(node) and all(value in values for value in node.inputs)
    }


def _values(
    net: RunnableNet, inputs: Mapping[str, Tensor], leading: Mapping[str, Sequence[Tensor]]
) -> dict[Value, Tensor]:
    """Every value of a net, layer by layer; copies, since layers may work in place."""
    values = {value: inputs[value.blob] for value in net.graph.inputs}
    for stage in net.stages:
        bottoms = leading.get(stage.node.name)
        given = values if bottoms is None else dict(zip(stage.bottoms, bottoms, strict=True))
        found = stage.run(net.module, {value: given[value].clone() for value in stage.bottoms})
        values.update(found)
    return values


def _difference(blob: str, value: Tensor, wanted: Tensor, decided: bool) -> Distance:
    shape = tuple(value.shape)
    if value.shape != wanted.shape:
        return Distance(blob, shape, float("inf"), 0.0, decided)
    if not value.numel():
        return Distance(blob, shape, 0.0, 0.0, decided)
    value, wanted = value.double(), wanted.double()
    apart = (value - wanted).abs()
    apart[(value == wanted) | (value.isnan() & wanted.isnan())] = 0
    largest = float(apart.nan_to_num(nan=float("inf"), posinf=float("inf")).max())
    finite = wanted[wanted.isfinite()].abs()
    return Distance(blob, shape, largest, float(finite.max()) if finite.numel() else 0.0, decided)
