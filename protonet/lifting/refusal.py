"""What can't be said in Caffe, with its line of Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch._ops import OpOverload
from torch.fx import Node

from protonet.diagnostics import NetError, raise_all
from protonet.lifting.dialects import Dialect
from protonet.shape import show

_FRAME = re.compile(
    r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<where>.*)\n(?P<text>.*)'
)


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


def name_of(node: Node) -> str:
    """An operator's name as torch writes it, without its overload: conv2d."""
    target = node.target
    if isinstance(target, OpOverload):
        return str(target.overloadpacket.__name__)
    return str(getattr(target, "__name__", target))


def module_of(node: Node) -> str:
    """The attribute path of the module whose forward calls an operator; "" for the outermost."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return str(paths[-1]) if paths else ""


def place_of(node: Node) -> str:
    """``file.py:12 (line of code): `` of the innermost line outside torch; "" where unknown."""
    frames = _frames(node)
    own = [frame for frame in frames if "/torch/nn/" not in frame["file"].replace("\\", "/")]
    if not own:
        return ""
    frame = own[-1]
    return f"{frame['file']}:{frame['line']} ({frame['text'].strip()}): "


def assigned(node: Node) -> str:
    """The variable of the outermost module's forward that an operator's value is given to."""
    frames = _frames(node)
    found = re.match(r"\s*(\w+)\s*=[^=]", frames[-1]["text"]) if frames else None
    return found[1] if found and module_of(node) == "" else ""


def _frames(node: Node) -> list[dict[str, str]]:
    trace = node.meta.get("stack_trace") or ""
    lines = re.split(r"(?m)^(?=\s*File \")", trace)
    return [found.groupdict() for line in lines if (found := _FRAME.match(line))]


def _shape(node: Node) -> tuple[int, ...] | None:
    value = node.meta.get("val")
    return tuple(value.shape) if isinstance(value, torch.Tensor) else None
