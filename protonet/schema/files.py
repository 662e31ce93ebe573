"""Blobs that a definition names by their file, read into the message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from protonet.diagnostics import NetError
from protonet.schema.load import Loaded
from protonet.schema.pool import message


def attach_files(loaded: Loaded) -> None:
    """Read the matrix of each InfogainLoss that has none as a bottom into the layer's blobs.

    A path is taken from the working directory, as Caffe takes it, else from the definition's own.
    NetError where it can't be read. Source: InfogainLossLayer::LayerSetUp.
    """
    for index, layer in enumerate(loaded.message.layer):
        source = layer.infogain_loss_param.source
        if layer.type != "InfogainLoss" or not source or len(layer.bottom) > 2:
            continue
        try:
            blob = message("BlobProto").FromString(_found(loaded, source).read_bytes())
        except (OSError, ValueError, DecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no BlobProto"
            where = loaded.sourcemap.span(("layer", index, "infogain_loss_param", "source"))
            what = f"layer {layer.name!r} (InfogainLoss): the file {source!r} can't be read: "
            hint = "Caffe takes the path from the working directory"
            raise NetError(what + reason.lower(), where, hint) from None
        layer.blobs.add().CopyFrom(blob)


def _found(loaded: Loaded, source: str) -> Path:
    beside = Path(os.path.dirname(loaded.source.name) if loaded.source else "") / source
    return beside if beside.exists() and not Path(source).exists() else Path(source)


def values(blob: Any) -> list[float]:
    """The elements of a BlobProto, whatever precision they were written in."""
    return list(blob.data or blob.double_data)
