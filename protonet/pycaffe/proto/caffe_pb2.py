"""caffe_pb2: every message, enum and constant of our schema, under the names of generated code.

The classes are of a pool of their own, so that they stand beside another caffe.proto in one
process. They are looked up when asked for: a plugin's fields are there once it is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from protonet.diagnostics import did_you_mean
from protonet.schema.pool import pool

_PACKAGE = "caffe"
# Fields that our schema lets be given several times, for one fork's files, and that hold one value
# in the Caffe whose scripts set them.
_SINGLE = {"SolverParameter": {"device_id": "0"}, "TransformationParameter": {"resize_param": ""}}


def _file() -> Any:
    """The descriptor of the schema's file, with the fields that layers of our own add."""
    import protonet.layers  # noqa: F401 (messages made before would not go into later ones)

    return _as_scripts_know(pool().FindMessageTypeByName(f"{_PACKAGE}.NetParameter").file)


@cache
def _as_scripts_know(schema: Any) -> Any:
    """The schema's file in another pool, with fields of one value where Caffe has such."""
    proto = descriptor_pb2.FileDescriptorProto()
    schema.CopyToProto(proto)
    for message in proto.message_type:
        for field in message.field:
            default = _SINGLE.get(message.name, {}).get(field.name)
            if default is not None:
                field.label = field.LABEL_OPTIONAL
                field.default_value = default
                if not default:
                    field.ClearField("default_value")
    own = descriptor_pool.DescriptorPool()
    own.AddSerializedFile(proto.SerializeToString())
    return own.FindFileByName(proto.name)


def _message(name: str) -> Any:
    """A message's class, which pickle finds here again."""
    made = message_factory.GetMessageClass(_file().message_types_by_name[name])
    if made.__module__ != __name__:
        made.__module__ = __name__
    return made


def _names() -> Iterator[str]:
    """What generated code would define without an underscore."""
    file = _file()
    yield from file.message_types_by_name
    for name, enum in file.enum_types_by_name.items():
        yield name
        yield from enum.values_by_name


def _descriptor(name: str) -> Any:
    """What protoc's older code kept as _NETPARAMETER, _POOLINGPARAMETER_POOLMETHOD and the like."""
    file = _file()
    for found in (*file.message_types_by_name.values(), *file.enum_types_by_name.values()):
        if name == f"_{found.name.upper()}":
            return found
        for inner in getattr(found, "enum_types", ()):
            if name == f"_{found.name.upper()}_{inner.name.upper()}":
                return inner
    return None


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return list(_names())
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file = _file()
    if name == "DESCRIPTOR":
        return file
    if name in file.message_types_by_name:
        return _message(name)
    if name in file.enum_types_by_name:
        return EnumTypeWrapper(file.enum_types_by_name[name])
    for enum in file.enum_types_by_name.values():
        if name in enum.values_by_name:
            return enum.values_by_name[name].number
    found = _descriptor(name) if name.startswith("_") else None
    if found is None:
        hint = did_you_mean(name, _names()) or "no Caffe that protonet knows has it"
        raise AttributeError(f"caffe_pb2 has no message, enum or constant {name!r}; {hint}")
    return found


def __dir__() -> list[str]:
    return ["DESCRIPTOR", *_names()]
