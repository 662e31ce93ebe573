"""Which layers and bottoms of a net the backward pass goes through. Source: Net::Init."""

from __future__ import annotations

from protonet.graph import Graph
from protonet.pycaffe.wiring import Wiring, WiringStep


def mark_needs(wiring: Wiring, graph: Graph) -> None:
    """Say of each step whether it runs backward, and to which of its bottoms."""
    _mark_learned(wiring)
    _leave_out(wiring)
    if graph.force_backward:
        for step in wiring.steps:
            step.needs_backward = True
            step.down = [down or _may_force(step, i) for i, down in enumerate(step.down)]


def _mark_learned(wiring: Wiring) -> None:
    """What something learned comes before, or a blob that needs it already."""
    moved: set[str] = set()
    for step in wiring.steps:
        own = [wire.name in moved for wire in step.bottoms]
        stated = list(step.node.layer.message.propagate_down) if step.node else []
        step.down = [bool(down) for down in stated] or own
        learned = step.node is not None and any(_is_learned(p) for p in step.node.params)
        step.needs_backward = any(own) or learned
        if step.needs_backward:
            moved.update(wire.name for wire in step.tops)


def _is_learned(param: object) -> bool:
    return bool(getattr(param, "lr_mult", 0.0))


def _leave_out(wiring: Wiring) -> None:
    """From the end: nothing goes through what no loss depends on, or all propagate_down stops."""
    under: set[str] = set()
    skipped: set[str] = set()
    for step in reversed(wiring.steps):
        contributes, skips = False, True
        for wire, weight in zip(step.tops, step.weights, strict=True):
            contributes = contributes or bool(weight) or wire.name in under
            skips = skips and wire.name in skipped
            if contributes and not skips:
                break
        if step.needs_backward and skips:
            step.needs_backward = False
            step.down = [False] * len(step.down)
        step.needs_backward = step.needs_backward and contributes
        for index, wire in enumerate(step.bottoms):
            if contributes:
                under.add(wire.name)
            else:
                step.down[index] = False
            if not step.down[index]:
                skipped.add(wire.name)


def _may_force(step: WiringStep, index: int) -> bool:
    """Whether force_backward reaches a bottom. Source: LossLayer::AllowForceBackward."""
    return step.node is None or index not in step.node.layer.constant_bottoms()
