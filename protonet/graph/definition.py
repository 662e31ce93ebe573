"""A net of one phase as the message that Caffe would save."""

from __future__ import annotations

from pathlib import Path

from protonet.schema.load import Loaded
from protonet.schema.pool import Message, message

# Names of files that say what a net is for and not which net it is.
_FOR = frozenset(
    ("deploy", "test", "train", "train_test", "train_val", "trainval", "net", "model", "solver")
)


def file_word(loaded: Loaded) -> str:
    """What the file of a net says of it by its name; "" of a text, or where it says nothing."""
    name = loaded.source.name if loaded.source else ""
    word = "" if name.startswith("<") else Path(name).name.removesuffix(".prototxt")
    return "" if word.lower() in _FOR else word


def definition(net: Message, phase: str) -> Message:
    """A NetParameter of name and layers, each with its phase, without blobs.

    ``net`` is a message of one phase in today's form. Source: Net::ToProto, Net::Init.
    """
    made = message("NetParameter")
    made.name = net.name
    for layer in net.layer:
        own = made.layer.add()
        own.CopyFrom(layer)
        own.ClearField("blobs")
        if not own.HasField("phase"):
            own.phase = ("TRAIN", "TEST").index(phase)
    return made
