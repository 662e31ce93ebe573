"""Caffe's binary files: a NetParameter with its blobs, of every generation of the format."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.diagnostics import NetError, did_you_mean
from protonet.files import replacing
from protonet.layers import REGISTRY, Layer
from protonet.reading import reading
from protonet.schema.blobs import Content, StoredBlob, blob_bytes, stored_blob
from protonet.schema.pool import Message, message, message_class
from protonet.schema.sniff import foreign
from protonet.schema.strings import UTF_8, parsed, serialized
from protonet.schema.upgrade_v1 import type_name
from protonet.schema.wire import BYTES, WireError, WireField, fields, header, signed
from protonet.weights.stored import StoredLayer, StoredNet

# The field of a net that holds layers; in a layer the fields of its name, type and blobs.
_V2, _V1 = 100, 2
_PLACES = {_V2: (1, 2, 7), _V1: (4, 5, 6)}
_V0, _V0_PLACES = 1, (1, 2, 50)
_MOST_BYTES = 2**31 - 1


@dataclass
class _Parts:
    """A layer in a file: where its name, type and blobs stand, and its bytes without the blobs."""

    name: str = ""
    type: str = ""
    blobs: list[WireField] = field(default_factory=list)
    rest: bytearray = field(default_factory=bytearray)


def read_caffemodel(content: Content) -> StoredNet:
    """The layers of a binary NetParameter: V2, V1 or V0, single, double or half precision.

    NetError with the layer and the byte where the file is damaged or is no net.
    Source: Net::CopyTrainedLayersFromBinaryProto, UpgradeV0Net for the names within V0 layers.
    """
    layers: list[StoredLayer] = []
    rest, name = bytearray(), ""
    _refuse_foreign(content)
    try:
        begin = 0
        for found in fields(content.view):
            if found.kind == BYTES and found.number in _PLACES:
                parts = _parts(content, found, found.number)
                layers.append(_layer(content, parts))
                rest += header(found.number, len(parts.rest)) + parts.rest
            else:
                name = _text(content, found) if found.number == 1 else name
                rest += content.view[begin : found.stop]
            begin = found.stop
    except WireError as error:
        raise _damaged(content, layers, error) from None
    if not layers:
        raise NetError(f"{content.name} holds no layer: it is no .caffemodel")
    return StoredNet(content.name, "caffemodel", layers, name, bytes(rest))


def _refuse_foreign(content: Content) -> None:
    """NetError where a file is a known thing of another kind."""
    other = foreign(bytes(content.view[:512]))
    if other:
        raise NetError(f"{content.name} is {other[0]}, no .caffemodel", None, other[1])
    if content.view[:1] == b"\x08":  # field 1 is a number there, a net's name here
        what, hint = _other_message({found.number for found in _leading(content)})
        raise NetError(f"{content.name} is {what}, no .caffemodel", None, hint)


def _other_message(fields: set[int]) -> tuple[str, str | None]:
    """What a message is that begins with a number, by its fields, and a hint."""
    if {7, 8} <= fields:  # a graph and its operators' versions
        hint = "no weights are read from ONNX; the .caffemodel that it was made of has them"
        return "an ONNX model", hint
    if 3 in fields and 5 not in fields:
        return "a solver's state", "the weights are in the .caffemodel beside it"
    return "one blob, such as a mean file", None


def _leading(content: Content) -> Iterator[WireField]:
    try:
        yield from fields(content.view)
    except WireError:
        return


def _parts(content: Content, layer: WireField, form: int) -> _Parts:
    """Take a layer's message apart. WireError where it is none."""
    parts = _Parts()
    _collect(content, layer, _PLACES[form], parts, parts.rest, form)
    return parts


def _collect(
    content: Content,
    layer: WireField,
    places: tuple[int, int, int],
    parts: _Parts,
    rest: bytearray,
    form: int,
) -> None:
    """One pass over a layer; a V1 message may hold a V0 one, which holds the blobs then."""
    name, kind, blobs = places
    begin = layer.start
    for found in fields(content.view, layer.start, layer.stop):
        whole = content.view[begin : found.stop] if found.number != blobs else b""
        begin = found.stop
        if found.number == blobs and found.kind == BYTES:
            parts.blobs.append(found)
            continue
        if form == _V1 and found.number == _V0 and found.kind == BYTES:
            inner = bytearray()
            _collect(content, found, _V0_PLACES, parts, inner, _V0)
            whole = header(_V0, len(inner)) + bytes(inner)
        elif found.number == name and found.kind == BYTES:
            parts.name = _text(content, found)
        elif found.number == kind:
            parts.type = _type(content, found)
        rest += whole


def _text(content: Content, found: WireField) -> str:
    data = bytes(content.view[found.start : found.stop])
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _type(content: Content, found: WireField) -> str:
    """A type's name of today; the number of one that no Caffe of ours knows."""
    if found.kind == BYTES:
        return _text(content, found)
    old, number = message("V1LayerParameter"), signed(found.value, 32)
    if number not in old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number:
        return f"V1 type {number}"
    old.type = number
    return type_name(old)


def _layer(content: Content, parts: _Parts) -> StoredLayer:
    blobs: list[StoredBlob] = []
    for place in parts.blobs:
        try:
            blobs.append(stored_blob(content, place.start, place.stop))
        except WireError as error:
            what = f"layer {parts.name!r}, blob {len(blobs)}: {error.message}"
            raise WireError(what, error.at) from None
    return StoredLayer(parts.name, parts.type, blobs)


def _damaged(content: Content, layers: Sequence[StoredLayer], error: WireError) -> NetError:
    size = f"the file has {len(content.view):,} bytes; copy or download it again"
    if not layers:
        what = f"{content.name} is no .caffemodel, or its beginning is damaged"
        return NetError(f"{what}: {error.message} (byte {error.at:,})", None, size)
    where = f"after layer {layers[-1].name!r}, at byte {error.at:,}"
    return NetError(f"{content.name} is damaged {where}: {error.message}", None, size)


def definition(net: StoredNet) -> tuple[Message, str]:
    """The NetParameter of a caffemodel without its blobs, and what its strings were read as.

    NetError where the schema can't read it: a fork's own fields under numbers of another's.
    """
    hint = "name the net's .prototxt; the weights can be read"
    with reading(net.path, "has layers whose fields are those of an unknown fork", hint):
        return parsed("NetParameter", net.skeleton)


def write_caffemodel(
    path: str | os.PathLike[str],
    net: Message,
    blobs: Mapping[str, Sequence[Array]],
    diffs: Mapping[str, Sequence[Array]] | None = None,
    encoding: str = UTF_8,
) -> None:
    """Write a net and its weights as the .caffemodel that Caffe loads, whole or not at all.

    ``net`` is a NetParameter of today's form; ``blobs`` is {layer: [array, ...]} in Caffe's order
    and shapes, ``diffs`` the same for the gradients. Doubles are written as doubles, all else in
    single precision. NetError where a layer is unknown or the whole is more than Caffe can read.
    Source: Net::ToProto, WriteProtoToBinaryFile.
    """
    refuse_unknown(net, blobs)
    parts: list[bytes | memoryview] = []
    for layer in net.layer:
        diff = (diffs or {}).get(layer.name)
        parts += _layer_bytes(layer, blobs.get(layer.name, ()), diff, encoding)
    outer = message_class("NetParameter")()
    outer.CopyFrom(net)
    del outer.layer[:]
    parts.insert(0, serialized(outer, encoding))
    size = sum(len(part) for part in parts)
    if size > _MOST_BYTES:
        what = f"{os.fspath(path)} would have {size:,} bytes; Caffe reads at most {_MOST_BYTES:,}"
        raise NetError(what, None, "write an .h5 file")
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(parts)


def refuse_unknown(net: Message, blobs: Mapping[str, Any]) -> None:
    """NetError where blobs are given for a layer that the net has not, or for two of one name."""
    names = [layer.name for layer in net.layer]
    for name in blobs:
        if name not in names:
            raise NetError(f"the net has no layer {name!r}", None, did_you_mean(name, names))
    refuse_twins(net)


def refuse_twins(net: Message) -> None:
    """NetError where a layer with parameters is not the first of its name.

    In a file weights have only the name of their layer, and Caffe gives them to the first.
    """
    first: dict[str, bool] = {}
    for layer in net.layer:
        cls = REGISTRY.get(layer.type)
        learns = cls is not None and cls.blobs is not Layer.blobs
        if learns and layer.name in first:
            both = "layers with parameters" if first[layer.name] else "layers, one with parameters,"
            what = f"2 {both} have the name {layer.name!r}, in a file they are one"
            raise NetError(what, None, "give each layer a name of its own")
        first.setdefault(layer.name, learns)


def _layer_bytes(
    layer: Any, blobs: Sequence[Array], diffs: Sequence[Array] | None, encoding: str
) -> list[bytes | memoryview]:
    """One layer with its blobs, in parts; large arrays are not copied."""
    bare = message_class("LayerParameter")()
    bare.CopyFrom(layer)
    bare.ClearField("blobs")
    parts: list[bytes | memoryview] = [serialized(bare, encoding)]
    for index, blob in enumerate(blobs):
        diff = None if diffs is None else np.asarray(diffs[index])
        written = blob_bytes(np.asarray(blob), diff)
        parts += [header(_PLACES[_V2][2], sum(map(len, written))), *written]
    return [header(_V2, sum(map(len, parts))), *parts]
