"""LRN across channels as few passes over memory, in steps that no fuser takes apart."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule, Node

from protonet.schema.strings import parsed

_NAMES = ("alpha", "beta", "k")


class LocalNorm(nn.Module):
    """x / (k + alpha / size * the sum of squares of ``size`` channels) ** beta.

    (n, c, h, w), kept. Source: Caffe's LRNLayer, ACROSS_CHANNELS.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        square = x.square()
        energy, channels = square.clone(), x.shape[1]
        for i in range(1, min(self.size // 2 + 1, channels)):
            energy[:, i:] += square[:, :-i]
            energy[:, :-i] += square[:, i:]
        energy.mul_(self.alpha / self.size).add_(self.k)
        if self.beta != 0.75:
            return energy.pow_(-self.beta).mul_(x)
        root = energy.rsqrt_()
        return root.sqrt().mul_(root).mul_(x)


def with_local_norms(net: GraphModule, definition: bytes) -> GraphModule:
    """The graph with every LRN across channels whose constants are known as a LocalNorm."""
    common = _common(definition)
    for index, node in enumerate([n for n in net.graph.nodes if n.op == "call_function"]):
        made = _made_of(node, common)
        if made is None:
            continue
        name = f"_local_norm_{index}"
        net.add_submodule(name, made)
        with net.graph.inserting_before(node):
            node.replace_all_uses_with(net.graph.call_module(name, (node.args[0],)))
        net.graph.erase_node(node)
    net.recompile()
    return net


def _made_of(node: Node, common: Mapping[str, float]) -> LocalNorm | None:
    function = node.target
    own = callable(function) and getattr(function, "__name__", "") == "local_response_norm"
    if not own or len(node.args) != 2 or not isinstance(node.args[1], int):
        return None
    # A parameter that no call gives is a number in the function's text.
    assert callable(function)
    defaults = {n: p.default for n, p in inspect.signature(function).parameters.items()}
    known = {**common, **defaults, **node.kwargs}
    if any(not isinstance(known.get(name), int | float) for name in _NAMES):
        return None
    return LocalNorm(node.args[1], **{name: known[name] for name in _NAMES})


def _common(definition: bytes) -> Mapping[str, float]:
    """The constants of a net's LRN layers where all have the same."""
    message: Any = parsed("NetParameter", definition)[0]
    found = {
        (layer.lrn_param.alpha, layer.lrn_param.beta, layer.lrn_param.k)
        for layer in message.layer
        if layer.type == "LRN" and layer.lrn_param.norm_region == 0
    }
    return dict(zip(_NAMES, found.pop(), strict=True)) if len(found) == 1 else {}
