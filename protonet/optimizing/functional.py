"""A graph without steps that write over what they read, so that steps may change places."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule, Node

# What gives a tensor of its own, of which nothing else is a view.
_NEW = (nn.BatchNorm2d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_NEW_OF: tuple[Callable[..., Any], ...] = (operator.add, operator.mul, torch.add, torch.cat)
_PURE = {operator.iadd: operator.add, operator.imul: operator.mul}


def functional(net: GraphModule) -> GraphModule:
    """The same graph, each step in place as the one that gives a new tensor.

    ValueError where something else may look at what a step writes over.
    """
    for index, node in enumerate(net.graph.nodes):
        if not _writes(net, node):
            continue
        written = node.all_input_nodes[:1]
        if not all(_is_new(net, each) and len(each.users) == 1 for each in written):
            raise ValueError(f"the step {node.name} writes over what others may read")
        _make_pure(net, node, f"_pure_{index}")
    net.recompile()
    return net


def _writes(net: GraphModule, node: Node) -> bool:
    if node.op == "call_module":
        return getattr(net.get_submodule(str(node.target)), "inplace", False) is True
    if node.op == "call_method":
        return str(node.target).endswith("_") or str(node.target) == "__setitem__"
    named = getattr(node.target, "__name__", "")
    stated = any(each is True for each in node.args) or node.kwargs.get("inplace")
    other = named.endswith("_") or named in ("setitem", "delitem", "setattr")
    return node.op == "call_function" and bool(node.target in _PURE or stated or other)


def _is_new(net: GraphModule, node: Node) -> bool:
    if node.op == "call_module":
        return type(net.get_submodule(str(node.target))) in _NEW
    return node.op == "call_function" and node.target in _NEW_OF


def _make_pure(net: GraphModule, node: Node, name: str) -> None:
    if node.op == "call_module":
        part: Any = copy.copy(net.get_submodule(str(node.target)))
        part.inplace = False
        net.add_submodule(name, part)
        node.target = name
    elif node.op == "call_function" and node.target in _PURE:
        node.target = _PURE[node.target]
    else:
        raise ValueError(f"the step {node.name} writes in place")
