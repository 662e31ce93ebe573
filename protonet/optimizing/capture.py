"""A module's forward pass as a graph of torch.fx, its own helpers whole."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.fx import Graph, GraphModule, Tracer

from protonet.optimizing.functional import functional


class _Calls(Tracer):
    """A tracer to which a helper that stands beside the net's class is one call."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a part is one step: what has no parts, and torch's own but for its lists."""
        is_torch = m.__module__.startswith("torch.nn") and not isinstance(m, nn.Sequential)
        return is_torch or next(m.children(), None) is None


def capture(net: nn.Module) -> GraphModule:
    """The forward pass of a net as a graph over the very parameters of the net.

    Any exception where it isn't one straight run of calls.
    """
    graph: Graph = _Calls(autowrap_functions=_helpers(net)).trace(net)
    return functional(GraphModule(net, graph))


def _helpers(net: nn.Module) -> tuple[Callable[..., Any], ...]:
    """The functions of the file in which the net's class stands."""
    home = sys.modules.get(type(net).__module__)
    return tuple(f for _, f in inspect.getmembers(home, inspect.isfunction)) if home else ()
