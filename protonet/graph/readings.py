"""Layers that forks read otherwise and say so nowhere: whose reading a net fits together in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from protonet.diagnostics import NetError
from protonet.graph.graph import Graph
from protonet.layers.python import layer_class
from protonet.schema.load import Loaded
from protonet.schema.pool import Message


def fitting(
    loaded: Loaded, build: Callable[[Loaded], tuple[Graph, list[NetError]]]
) -> tuple[Graph, list[NetError]]:
    """What ``build`` makes of a net, or of the first reading of it that has no errors.

    What is wrong with a layer by itself is so in every reading of it.
    """
    graph, errors = build(loaded)
    told = " ".join(error.message for error in errors)
    for other, names, what in readings(loaded) if errors else ():
        tried, left = build(other)
        if not left and not any(f"layer {name!r} (" in told for name in names):
            tried.readings.append(what)
            return tried, left
    return graph, errors


def readings(loaded: Loaded) -> Iterator[tuple[Loaded, list[str], str]]:
    """The net with the layers of one type read as a fork has them, these, and what to say."""
    found: dict[type, list[tuple[int, Message, str]]] = {}
    for index, layer in enumerate(loaded.message.layer):
        cls = layer_class(layer)
        other = cls.otherwise(layer) if cls else None
        if cls and other:
            found.setdefault(cls, []).append((index, *other))
    for others in found.values():
        message = type(loaded.message)()
        message.CopyFrom(loaded.message)
        for index, other, _ in others:
            message.layer[index].CopyFrom(other)
        names = [str(message.layer[index].name) for index, _, _ in others]
        one, shown = len(names) == 1, ", ".join(map(repr, names))
        what = f"layer{'s'[one:]} {shown} {'is' if one else 'are'} taken for {others[0][2]}: "
        yield replace(loaded, message=message), names, f"{what}else the net does not fit together"
