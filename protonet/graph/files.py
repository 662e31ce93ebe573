"""Blobs, settings and numbers that a definition names by their file, read into the message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protonet.diagnostics import NetError, raise_all
from protonet.layers.python import layer_class
from protonet.reading import reading
from protonet.schema.load import Loaded
from protonet.schema.lookup import found
from protonet.schema.pool import Message, is_repeated


def attach_files(loaded: Loaded, lenient: bool = False) -> None:
    """Read the files that a layer takes a blob, settings or numbers from into its definition.

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
    raise_all([*errors, *_attached_numbers(loaded, lenient)])


def _attached_numbers(loaded: Loaded, lenient: bool) -> list[NetError]:
    """Read the files of numbers of each layer; the errors of those that can't be read."""
    errors = []
    for index, layer in enumerate(loaded.message.layer):
        for message, field, place in _number_files(layer):
            path = Path(found(getattr(message, field), loaded.folder))
            if lenient and not path.exists():
                continue
            try:
                numbers = _numbers(path)
            except NetError as error:
                where = loaded.sourcemap.span(("layer", index, *place, field))
                where = where or loaded.sourcemap.span(("layer", index))
                what = f"layer {layer.name!r} ({layer.type}): {error.message}"
                errors.append(NetError(what, where, error.hint))
            else:
                getattr(message, f"{field}_numbers")[:] = numbers
    return errors


def _number_files(layer: Message) -> Iterator[tuple[Message, str, tuple[str | int, ...]]]:
    """The messages of a layer that name a file of numbers, each with the field and its place."""
    cls = layer_class(layer)
    param = str(cls.param) if cls else ""
    if cls and cls.numbers_field and getattr(getattr(layer, param), cls.numbers_field):
        yield getattr(layer, param), cls.numbers_field, (param,)
    for field, own in layer.ListFields():
        if field.message_type is None or not hasattr(own, "ListFields"):
            continue
        for inner, value in own.ListFields():
            if inner.message_type is None or inner.message_type.name != "FillerParameter":
                continue
            for filler in value if is_repeated(inner) else (value,):
                if filler.type == "file" and filler.file:
                    yield filler, "file", (field.name, inner.name)


def _numbers(path: Path) -> list[float]:
    """The numbers of a text, with white space between them. NetError for another word."""
    with reading(path, "can't be read", None):
        words = path.read_text(encoding="utf-8-sig").split()
    numbers = []
    hint = "it holds numbers with white space between them"
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError:
            what = f"{path} holds {word[:40]!r}, which is no number"
            raise NetError(what, None, hint) from None
    if not numbers:
        raise NetError(f"{path} is empty", None, hint)
    return numbers


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
