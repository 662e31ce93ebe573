"""A draft as Caffe's two files."""

from __future__ import annotations

import os

from protonet.diagnostics import Source
from protonet.files import write_whole
from protonet.lifting.draft import Draft
from protonet.schema.pool import Message, message
from protonet.schema.unbind import to_text
from protonet.text.format import format_text
from protonet.text.parse import parse
from protonet.weights.caffemodel import write_caffemodel


def net_of(draft: Draft, name: str) -> Message:
    """The NetParameter of a draft whose layers have their names: Input layers, then the others."""
    net = message("NetParameter")
    net.name = name
    for blob in draft.inputs:
        layer = net.layer.add(name=blob.path, type="Input", top=[blob.path])
        layer.input_param.shape.add(dim=blob.shape)
    for each in draft.layers:
        net.layer.add().CopyFrom(each.message)
    return net


def text_of(net: Message) -> str:
    """The prototxt of a net, in canonical form."""
    return format_text(parse(Source("the net", to_text(net))))


def write(
    net: Message,
    draft: Draft,
    prototxt: str | os.PathLike[str],
    caffemodel: str | os.PathLike[str],
) -> None:
    """Write the definition and the weights."""
    write_whole(prototxt, text_of(net))
    blobs = {layer.message.name: list(layer.blobs) for layer in draft.layers if layer.blobs}
    write_caffemodel(caffemodel, net, blobs)
