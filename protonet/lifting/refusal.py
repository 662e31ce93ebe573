"""What can't be said in Caffe, with its line of Python."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch.fx import Node

from protonet.diagnostics import NetError, raise_all
from protonet.lifting.dialects import Dialect
from protonet.lifting.trace import module_of, name_of, place_of
from protonet.shape import show


class Refusal(Exception):
    """An operator that a pattern can't say, and what would do instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Refused:
    """A refusal and the operator that it is of."""

    node: Node
    refusal: Refusal

    @property
    def kind(self) -> tuple[str, str, str]:
        """What all operators of one line that fail for one reason have in common."""
        return place_of(self.node), name_of(self.node), self.refusal.message


def raise_refused(found: Iterable[Refused], dialect: Dialect) -> None:
    """Raise what was refused, each line of the user's code once; nothing where that is nothing."""
    kinds: dict[tuple[str, str, str], list[Refused]] = {}
    for each in dict.fromkeys(found):
        kinds.setdefault(each.kind, []).append(each)
    raise_all([_error(group, dialect) for group in kinds.values()])


def _error(group: list[Refused], dialect: Dialect) -> NetError:
    """The error of a refusal: where the operator stands in the user's code, what it was given."""
    node, refusal = group[0].node, group[0].refusal
    sizes = [show(shape) for shape in map(_shape, node.all_input_nodes) if shape is not None]
    module = module_of(node)
    what = f"{name_of(node)} of {' and '.join(sizes) or 'no tensor'}"
    what += f" in {module}" if module else ""
    more = f", and {len(group) - 1} more on this line," if len(group) > 1 else ""
    text = f"{place_of(node)}{what}{more} can't be written for {dialect.title}: {refusal.message}"
    return NetError(text, None, refusal.hint)


def _shape(node: Node) -> tuple[int, ...] | None:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None
