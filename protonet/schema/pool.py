"""Caffe's messages in a descriptor pool of our own, beside any other caffe.proto."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_DESCRIPTORS = Path(__file__).with_name("caffe.desc")


@cache
def pool() -> Any:
    """The private pool, filled from the descriptor set that ships."""
    files = descriptor_pb2.FileDescriptorSet()
    files.ParseFromString(_DESCRIPTORS.read_bytes())
    private = descriptor_pool.DescriptorPool()
    for file in files.file:
        private.AddSerializedFile(file.SerializeToString())
    return private


@cache
def message_class(name: str) -> Any:
    """The class of a message of the schema, such as NetParameter."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"caffe.{name}"))


def message(name: str) -> Any:
    """A new, empty message of the schema."""
    return message_class(name)()


def is_repeated(field: Any) -> bool:
    """Whether a field descriptor is repeated, in every protobuf runtime from 4.25."""
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED if repeated is None else repeated)
