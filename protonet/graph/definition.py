"""A net of one phase as the message that Caffe would save."""

from __future__ import annotations

from protonet.schema.pool import Message, message


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
