"""Names for layers and blobs: the module's own attribute paths, and words of operators."""

from __future__ import annotations

from torch.fx import Graph, Node

from protonet.lifting.draft import Draft
from protonet.lifting.trace import assigned, is_of_torch, module_of, name_of, outermost_line

_HOME, _WORD = "protonet_home", "protonet_word"
_WORDS = {"view": "reshape", "_unsafe_view": "reshape"}


def mark_names(graph: Graph) -> None:
    """Note at every operator what a layer for it is called.

    The last operator in a module of torch's own is what that is for: ``layer1.0.conv1``. Others in
    it, and those in another module's forward, have their own word behind the path,
    ``layer1.0.add``. In the outermost forward the last operator of a line has the name of the
    variable to which its value is given, where there is one.
    """
    last: dict[tuple[str, str], Node] = {}
    nodes = [n for n in graph.nodes if n.op == "call_function" and name_of(n) != "getitem"]
    for node in nodes:
        last["module", module_of(node)] = last["line", outermost_line(node)] = node
    for node in nodes:
        path = module_of(node)
        word = _WORDS.get(name_of(node), name_of(node).strip("_"))
        if path and is_of_torch(node) and last["module", path] is node:
            word = ""
        if not path and last["line", outermost_line(node)] is node:
            word = assigned(node) or word
        node.meta[_HOME], node.meta[_WORD] = path, word


def path_of(node: Node, part: str = "", word: str = "") -> str:
    """What a layer for an operator is called; see ``mark_names``.

    ``part`` is added where the operator takes several layers; ``word`` stands in place of its own.
    """
    own = node.meta.get(_WORD, "")
    return ".".join(
        each for each in (node.meta.get(_HOME, ""), own and (word or own), part) if each
    )


def worded(part: str, word: str) -> str:
    """A word for a part of a part."""
    return f"{part}.{word}" if part else word


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
