"""Names for layers and blobs: the module's own attribute paths, and words of operators."""

from __future__ import annotations

from torch.fx import Node

from protonet.lifting.draft import Draft
from protonet.lifting.refusal import assigned, module_of, name_of


def path_of(node: Node, part: str = "") -> str:
    """What a layer for an operator is called: its module's path, and a word for its part.

    A module of torch's own is its operator: ``layer1.0.conv1``. In another module's forward the
    operator's word is added, ``layer1.0.add``; in the outermost forward it is the variable to
    which the value is given, where there is one.
    """
    path = module_of(node)
    word = "" if _is_operator(node) else name_of(node).strip("_")
    if not path:
        word = assigned(node) or word
    return ".".join(each for each in (path, word, part) if each)


def worded(part: str, word: str) -> str:
    """A word for a part of a part."""
    return f"{part}.{word}" if part else word


def _is_operator(node: Node) -> bool:
    """Whether the innermost module is one of torch's own, which does this one thing."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    kind = stack[-1][1] if stack else ""
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return name.startswith("torch.nn.modules.") and ".container." not in name


def give_names(draft: Draft) -> None:
    """Name every layer, and every blob after the first layer that gives it; no name twice."""
    taken: set[str] = set()
    names: dict[int, str] = {}
    for top in draft.inputs:
        names[id(top)] = _free(top.path, taken)
    for layer in draft.layers:
        layer.message.name = name = _free(layer.path, taken)
        many = len(layer.tops) > 1
        for number, top in enumerate(layer.tops):
            if id(top) not in names:
                names[id(top)] = _free(f"{name}.{number}", taken) if many else name
        del layer.message.bottom[:], layer.message.top[:]
        layer.message.bottom.extend(names[id(top)] for top in layer.bottoms)
        layer.message.top.extend(names[id(top)] for top in layer.tops)
    for top in {*draft.values.values(), *draft.outputs}:
        top.path = names.get(id(top), top.path)


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found
