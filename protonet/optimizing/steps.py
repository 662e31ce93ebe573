"""Which steps of a net oneDNN computes as it would itself: continuous, and whole in its graphs."""

from __future__ import annotations

import operator

import torch
import torch.nn.functional as F
from torch import nn
from torch.fx import GraphModule, Node

from protonet.optimizing.local_norm import LocalNorm

# Small differences of inputs make small ones of outputs: no place of a maximum, no sorting.
_HEAVY = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
_MODULES = (
    *_HEAVY,
    nn.AdaptiveAvgPool2d,
    nn.AvgPool2d,
    nn.BatchNorm2d,
    nn.Dropout,
    nn.ELU,
    nn.Flatten,
    nn.Identity,
    nn.MaxPool2d,
    nn.ReLU,
    nn.ReLU6,
    nn.Sigmoid,
    nn.Softmax,
    nn.Tanh,
    LocalNorm,
)
_FUNCTIONS = (
    F.avg_pool2d,
    F.max_pool2d,
    F.relu,
    F.relu6,
    F.sigmoid,
    F.softmax,
    F.tanh,
    operator.add,
    torch.add,
    torch.cat,
    torch.flatten,
    torch.relu,
    torch.sigmoid,
    torch.softmax,
    torch.tanh,
)
_METHODS = ("flatten", "mean", "permute", "relu", "reshape", "sigmoid", "softmax", "tanh")


def is_heavy(net: GraphModule, node: Node) -> bool:
    """Whether a step is one for whose sake others are taken along."""
    return node.op == "call_module" and type(net.get_submodule(str(node.target))) in _HEAVY


def is_plain(net: GraphModule, node: Node) -> bool:
    """Whether a step is of a kind that may be fused with its neighbours."""
    if node.op == "call_module":
        return type(net.get_submodule(str(node.target))) in _MODULES
    if not all(isinstance(each, Node | int | float | list | tuple | None) for each in node.args):
        return False
    if node.op == "call_function":
        return node.target in _FUNCTIONS
    return node.op == "call_method" and node.target in _METHODS
