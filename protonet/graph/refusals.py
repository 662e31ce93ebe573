"""Fields of forks that change what a layer computes, and are not done."""

from __future__ import annotations

from typing import NamedTuple

from protonet.graph.graph import Node
from protonet.schema.eight_bits import rounded
from protonet.schema.forks import refused
from protonet.schema.pool import Message


class RefusedField(NamedTuple):
    """A field as a path from its layer, why it is refused, and what to do."""

    path: tuple[str | int, ...]
    why: str
    hint: str | None = None


class Refusals:
    """What is refused of the layers of one net.

    Numbers of few bits are told once: what they are for one layer they are for all.
    """

    def __init__(self, engine: str, phase: str) -> None:
        self._engine, self._phase = engine, phase
        self._has_told = False

    def of(self, node: Node, message: Message) -> RefusedField | None:
        """What is refused of a layer first."""
        bits = None if self._has_told else rounded(message, self._engine, self._phase)
        if bits:
            self._has_told = True
            return RefusedField(bits.field, bits.what, bits.hint)
        field = node.layer.field
        own = {field: node.layer.refuses} if field else {}
        found = refused(message, {**own, "loss_param": node.layer.refuses_in_loss})
        return RefusedField(*found) if found else None
