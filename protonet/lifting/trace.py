"""What torch.export notes at an operator: its module, and the lines of Python that call it."""

from __future__ import annotations

import re

from torch._ops import OpOverload
from torch.fx import Node

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in .*\n(?P<text>.*)')


def name_of(node: Node) -> str:
    """An operator's name as torch writes it, without its overload: conv2d."""
    target = node.target
    if isinstance(target, OpOverload):
        return str(target.overloadpacket.__name__)
    return str(getattr(target, "__name__", target))


def named(node: object, *names: str) -> bool:
    """Whether something is a node of an operator of one of these names."""
    return isinstance(node, Node) and name_of(node) in names


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
    """The variable to which the line of the outermost forward gives its value; "" for none."""
    frames = _frames(node)
    found = re.match(r"\s*(\w+)\s*=[^=]", frames[0]["text"]) if frames else None
    return found[1] if found else ""


def _frames(node: Node) -> list[dict[str, str]]:
    trace = node.meta.get("stack_trace") or ""
    lines = re.split(r"(?m)^(?=\s*File \")", trace)
    return [found.groupdict() for line in lines if (found := _FRAME.match(line))]


def outermost_line(node: Node) -> str:
    """The file and line of the outermost forward that an operator belongs to."""
    frames = _frames(node)
    return f"{frames[0]['file']}:{frames[0]['line']}" if frames else str(node.name)


def is_of_torch(node: Node) -> bool:
    """Whether the innermost module is one of torch's own, which does one thing."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    kind = stack[-1][1] if stack else ""
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return name.startswith("torch.nn.modules.") and ".container." not in name
