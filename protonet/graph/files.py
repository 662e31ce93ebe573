"""Blobs that a definition names by their file, read into the message."""

from __future__ import annotations

from pathlib import Path

from protonet.diagnostics import NetError, raise_all
from protonet.layers.python import layer_class
from protonet.schema.load import Loaded
from protonet.schema.lookup import found
from protonet.schema.pool import Message


def attach_files(loaded: Loaded, lenient: bool = False) -> None:
    """Read the file that a layer takes a blob from into the blobs of its definition.

    With ``lenient`` a file that is not there is passed over.

    A path is taken from the working directory, as Caffe takes it, else from the definition's own.
    NetErrors with every one that can't be read.
    """
    errors = []
    for index, layer in enumerate(loaded.message.layer):
        cls = layer_class(layer)
        field = cls.file_field(layer) if cls else ""
        if cls is None or not field:
            continue
        name = getattr(getattr(layer, str(cls.param)), field)
        if lenient and not Path(found(name, loaded.folder)).exists():
            continue
        try:
            blob = _blob(Path(found(name, loaded.folder)))
        except NetError as error:
            where = loaded.sourcemap.span(("layer", index, str(cls.param), field))
            hint = "Caffe takes the path from the working directory"
            what = f"layer {layer.name!r} ({layer.type}): {error.message}"
            errors.append(NetError(what, where, hint))
        else:
            layer.blobs.add().CopyFrom(blob)
    raise_all(errors)


def _blob(path: Path) -> Message:
    from protonet.schema.blobs import read_binaryproto, to_blob

    return to_blob(read_binaryproto(path))
