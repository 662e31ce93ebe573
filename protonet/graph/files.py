"""Blobs and settings that a definition names by their file, read into the message."""

from __future__ import annotations

from pathlib import Path

from protonet.diagnostics import NetError, raise_all
from protonet.layers.python import layer_class
from protonet.reading import reading
from protonet.schema.load import Loaded
from protonet.schema.lookup import found
from protonet.schema.pool import Message


def attach_files(loaded: Loaded, lenient: bool = False) -> None:
    """Read the file that a layer takes a blob or settings from into its definition.

    With ``lenient`` a file that is not there is passed over.

    A path is taken from the working directory, as Caffe takes it, else from the definition's own.
    NetErrors with every one that can't be read.
    """
    errors: list[NetError] = []
    _share_settings(loaded)
    for index, layer in enumerate(loaded.message.layer):
        cls = layer_class(layer)
        field = (cls.settings_field or cls.file_field(layer)) if cls else ""
        name = getattr(getattr(layer, str(cls.param)), field) if cls and field else ""
        if cls is None or not name:
            continue
        path = Path(found(name, loaded.folder))
        if lenient and not path.exists():
            continue
        try:
            _attach(layer, str(cls.param), cls.settings_field, path)
        except NetError as error:
            where = loaded.sourcemap.span(("layer", index, str(cls.param), field))
            where = where or loaded.sourcemap.span(("layer", index))
            hint = "Caffe takes the path from the working directory"
            what = f"layer {layer.name!r} ({layer.type}): {error.message}"
            errors.append(NetError(what, where, hint))
    raise_all(errors)


def _share_settings(loaded: Loaded) -> None:
    """Where a layer names a file of settings, those of its kind that name none have it, too.

    Of several files the last one counts, as the program that has the settings once loads them in
    the order of the layers.
    """
    takers = []
    stated: dict[tuple[str, str], str] = {}
    for layer in loaded.message.layer:
        cls = layer_class(layer)
        if cls and cls.settings_field:
            place = str(cls.param), cls.settings_field
            takers.append((layer, place))
            name = getattr(getattr(layer, place[0]), place[1])
            stated.update({place: name} if name else {})
    for layer, place in takers:
        own = getattr(layer, place[0])
        if place in stated and not own.HasField(place[1]) and not own.HasField(f"{place[1]}_text"):
            setattr(own, place[1], stated[place])


def _attach(layer: Message, param: str, settings: str, path: Path) -> None:
    if not settings:
        layer.blobs.add().CopyFrom(_blob(path))
        return
    with reading(path, "can't be read", None):
        setattr(getattr(layer, param), f"{settings}_text", path.read_text(encoding="utf-8-sig"))


def _blob(path: Path) -> Message:
    from protonet.schema.blobs import read_binaryproto, to_blob

    return to_blob(read_binaryproto(path))
