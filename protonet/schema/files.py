"""Blobs that a definition names by their file, read into the message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protonet.diagnostics import NetError
from protonet.schema.load import Loaded
from protonet.schema.lookup import found


def attach_files(loaded: Loaded, lenient: bool = False) -> None:
    """Read the matrix of each InfogainLoss that has none as a bottom into the layer's blobs.

    With ``lenient`` a file that is not there is passed over.

    A path is taken from the working directory, as Caffe takes it, else from the definition's own.
    NetError where it can't be read. Source: InfogainLossLayer::LayerSetUp.
    """
    for index, layer in enumerate(loaded.message.layer):
        source = layer.infogain_loss_param.source
        if layer.type != "InfogainLoss" or not source or len(layer.bottom) > 2:
            continue
        if lenient and not Path(found(source, loaded.folder)).exists():
            continue
        try:
            blob = _matrix(Path(found(source, loaded.folder)))
        except NetError as error:
            where = loaded.sourcemap.span(("layer", index, "infogain_loss_param", "source"))
            hint = "Caffe takes the path from the working directory"
            what = f"layer {layer.name!r} (InfogainLoss): {error.message}"
            raise NetError(what, where, hint) from None
        layer.blobs.add().CopyFrom(blob)


def _matrix(path: Path) -> Any:
    from protonet.schema.blobs import read_binaryproto, to_blob

    return to_blob(read_binaryproto(path))
