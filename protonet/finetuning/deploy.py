"""The net for use, without data and losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protonet import api
from protonet.diagnostics import Source
from protonet.finetuning.net_text import NewNet, new_layer
from protonet.finetuning.source import Pretrained, is_feed
from protonet.finetuning.train_val import TrainVal
from protonet.program.names import Names
from protonet.schema.pool import Message
from protonet.schema.sourcemap import SourceMap
from protonet.selection import Selection

_HEAD = ("# The net for use: `protonet run` and `protonet compile` take it.",)


def deploy(trained: TrainVal, name: str, given: Pretrained) -> str:
    """The net for use, without data and losses, out of the text of the one that trains."""
    loaded = api.read(Source(name, trained.text))
    made = NewNet(loaded.message.name)
    chosen = api.selected(loaded, Selection("TEST"))
    needed = _needed(chosen.message.layer, trained.scores)
    _add_input(made, given.data, given.graph.blobs[given.data].shape)
    for index, layer in enumerate(chosen.message.layer):
        if index in needed and not is_feed(layer):
            own = made.add(layer)
            for rules in (own.include, own.exclude, own.param):
                del rules[:]
    name = Names(one.name for one in made.layers).free("prob")
    made.add(new_layer(name, "Softmax", [trained.scores], name))
    return made.text(replace(loaded, sourcemap=SourceMap(None)), _HEAD)


def _add_input(made: NewNet, data: str, shape: Sequence[int]) -> None:
    layer = new_layer("data", "Input", [], data)
    layer.input_param.shape.add().dim.extend((1, *shape[1:]))
    made.add(layer)


def _needed(layers: Sequence[Message], blob: str) -> set[int]:
    """The places of the layers that a blob, as the last of its name, is computed by."""
    wanted, found = {blob}, set()
    for index in range(len(layers) - 1, -1, -1):
        layer = layers[index]
        if wanted & set(layer.top) and not _is_end(layer):
            found.add(index)
            wanted -= set(layer.top)
            wanted |= set(layer.bottom)
    return found


def _is_end(layer: Message) -> bool:
    return layer.type in ("Accuracy", "Silence")
