"""Recurrent layers that begin anew, as they do in a file, whatever a net has run before."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from torch import nn

from protonet.diagnostics import NetError, NetWarning
from protonet.graph import Graph, Node
from protonet.layers.recurrent import Recurrent
from protonet.runtime.net import kept_state

_STATES = ("hidden", "cell")


@contextmanager
def from_zeros(net: nn.Module) -> Iterator[None]:
    """Let every run of a recurrent layer begin with zeros; its state is afterwards as before."""
    with kept_state(net), ExitStack() as hooks:
        for module in net.modules():
            if getattr(module, "keeps_state", False):
                reset = _reset(module)
                reset()
                hook = module.register_forward_hook(lambda *_, reset=reset: reset())
                hooks.callback(hook.remove)
        yield


def _reset(module: nn.Module) -> Callable[[], None]:
    """What puts a layer's states back to those of no stream, which it takes for none."""
    named = ((name, getattr(module, name, None)) for name in _STATES)
    none = {name: state[:0].clone() for name, state in named if state is not None}

    def reset() -> None:
        for name, state in none.items():
            setattr(module, name, state)

    return reset


def warn_of_states(graph: Graph) -> None:
    """Say which layers go on from the batch before in Caffe, where a file begins each anew."""
    if layers := _going_on(graph):
        named = ", ".join(repr(node.name) for node in layers)
        what = f"in the file every run of {named} begins from a state of zeros"
        warnings.warn(f"{what}; expose_hidden gives states in and out", NetWarning, stacklevel=4)


def refuse_states(graph: Graph) -> None:
    """NetError at a layer that goes on from the batch before, where every run would begin anew."""
    for node in _going_on(graph):
        what = f"layer {node.name!r} ({node.type}) goes on from the batch before"
        raise NetError(f"{what}, and a file begins each anew", node.span, "--engine torch does it")


def _going_on(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes if isinstance(n.layer, Recurrent) and not n.layer.exposed]
