"""Caffe's messages in a descriptor pool of our own, beside any other caffe.proto."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_DESCRIPTORS = Path(__file__).with_name("caffe.desc")
_ONE_AT_A_TIME = RLock()
_FIRST_ADDED = 100_000
_KINDS = {bool: "bool", int: "int32", float: "float", str: "string"}
_added: dict[str, dict[str, object]] = {}
_classes: dict[str, Any] = {}


def add_parameter(name: str, fields: Mapping[str, object]) -> None:
    """Give LayerParameter a field ``name`` whose message has these fields, {name: default}.

    A default is a bool, int, float or str, or a list of one of them for a repeated field. Messages
    made before know nothing of it. ValueError where LayerParameter has that field already.
    """
    if name in message("LayerParameter").DESCRIPTOR.fields_by_name:
        raise ValueError(f"LayerParameter has a field {name!r} already")
    for field, default in fields.items():
        sample = default[0] if isinstance(default, list) and default else default
        if type(sample) not in _KINDS or not field.isidentifier():
            raise ValueError(f"the default of {field!r} must be a bool, int, float, str or list")
    with _ONE_AT_A_TIME:
        _added[name] = dict(fields)
        _pool.cache_clear()
        _classes.clear()


def _add(file: Any, number: int, name: str, fields: Mapping[str, object]) -> None:
    """Merge one added parameter into the schema's file."""
    made = file.message_type.add(name=f"{name.title().replace('_', '')}Message")
    for index, (field, default) in enumerate(fields.items(), 1):
        is_list = isinstance(default, list)
        kind = _KINDS[type(default[0] if isinstance(default, list) else default)]
        text = str(default).lower() if isinstance(default, bool) else str(default)
        new = made.field.add(name=field, number=index, label=3 if is_list else 1)
        new.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
        if not is_list:
            new.default_value = text
    (layer,) = (m for m in file.message_type if m.name == "LayerParameter")
    layer.field.add(name=name, number=number, label=1, type=11, type_name=f".caffe.{made.name}")


def pool() -> Any:
    """The private pool, filled from the descriptor set that ships."""
    with _ONE_AT_A_TIME:
        return _pool()


@cache
def _pool() -> Any:
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(_DESCRIPTORS.read_bytes())
    private = descriptor_pool.DescriptorPool()
    for number, (name, fields) in enumerate(_added.items(), _FIRST_ADDED):
        _add(files.file[0], number, name, fields)
    for file in files.file:
        private.AddSerializedFile(file.SerializeToString())
    return private


def message_class(name: str) -> Any:
    """The class of a message of the schema, such as NetParameter; one for all threads."""
    found = _classes.get(name)  # without the lock: readers of data ask at every record
    if found is None:
        with _ONE_AT_A_TIME:
            descriptor = pool().FindMessageTypeByName(f"caffe.{name}")
            found = _classes[name] = message_factory.GetMessageClass(descriptor)
    return found


def message(name: str) -> Any:
    """A new, empty message of the schema."""
    return message_class(name)()


def is_repeated(field: Any) -> bool:
    """Whether a field descriptor is repeated, in every protobuf runtime from 4.25."""
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if repeated is None else repeated)


def is_required(field: Any) -> bool:
    """Whether a field descriptor is required, in every protobuf runtime from 4.25."""
    required = getattr(field, "is_required", None)
    return bool(field.label == field.LABEL_REQUIRED if required is None else required)
