"""A graph as few parts: runs of steps that are fused, and between them those left as they are."""

from __future__ import annotations

from collections.abc import Callable

from torch.fx import GraphModule, Node
from torch.fx.passes.split_module import split_module

from protonet.optimizing.steps import is_heavy, is_plain


def divided(net: GraphModule) -> tuple[GraphModule, tuple[str, ...]]:
    """The graph as calls of parts, and the names of the parts that are worth fusing.

    Steps are taken in another order where fewer parts come of it; each still follows its inputs.
    """
    part: dict[Node, int] = {}
    plain: dict[int, bool] = {}
    waiting = [n for n in net.graph.nodes if n.op not in ("placeholder", "output", "get_attr")]
    kind: Callable[[Node], bool] = lambda node: is_plain(net, node)  # noqa: E731 (one line, twice)
    turn = True
    while waiting:
        number, left = len(plain), []
        for node in waiting:
            ready = all(each in part or each.op in _GIVEN for each in node.all_input_nodes)
            if ready and kind(node) is turn:
                part[node] = number
            else:
                left.append(node)
        plain[number], waiting, turn = turn, left, not turn
    heavy = {part[node] for node in part if is_heavy(net, node)}
    whole = split_module(net, net, lambda node: part[node])
    for each in (whole, *whole.children()):
        each.training = False  # of the graphs alone; the net's own modules are as they are
    names = tuple(f"submod_{number}" for number in sorted(heavy) if plain[number])
    return whole, names


_GIVEN = ("placeholder", "get_attr")
