"""An ONNX model as one file, its weights written from where they are, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from protonet.diagnostics import NetError
from protonet.files import replacing

LIMIT = 2**31 - 1  # what protobuf reads as one message
_GRAPH, _INITIALIZER, _RAW = 7, 5, 9  # fields of ModelProto, GraphProto, TensorProto


@dataclass(frozen=True)
class _Weight:
    """One initializer: what stands before its numbers in the file, and the numbers."""

    head: bytes
    tensor: ir.TensorProtocol

    @property
    def size(self) -> int:
        return len(self.head) + self.tensor.nbytes


def write_onnx(model: ir.Model, path: str | os.PathLike[str]) -> int:
    """Write a model, whole or not at all; its size in bytes.

    The numbers are never together in memory a second time: protobuf would copy them all. The model
    is left without its weights. NetError where it is larger than one file can be.
    """
    weights = [_weight(value) for value in model.graph.initializers.values()]
    model.graph.initializers.clear()
    proto = ir.serde.serialize_model(model)
    graph = proto.graph.SerializeToString()
    proto.ClearField("graph")
    inside = len(graph) + sum(weight.size for weight in weights)
    start = proto.SerializeToString() + _key(_GRAPH, inside) + graph
    total = len(start) - len(graph) + inside
    verify_size(total)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(start)
        for weight in weights:
            file.write(weight.head)
            file.write(_numbers(weight.tensor))
    return total


def verify_size(total: int) -> None:
    """NetError where so many bytes are more than one file can have."""
    if total > LIMIT:
        what = f"the file would have {total} bytes or more, and ONNX takes {LIMIT} in one file"
        raise NetError(what, None, "--precision fp16 halves the weights")


def _weight(value: ir.Value) -> _Weight:
    tensor = value.const_value
    assert tensor is not None
    dims = [int(n) for n in tensor.shape.numpy()]
    proto = onnx.TensorProto(dims=dims, data_type=tensor.dtype.value, name=value.name)
    inside = proto.SerializeToString() + _key(_RAW, tensor.nbytes)
    return _Weight(_key(_INITIALIZER, len(inside) + tensor.nbytes) + inside, tensor)


def _numbers(tensor: ir.TensorProtocol) -> memoryview:
    """The bytes of a tensor, the least significant first, without a copy where it lies so."""
    array = np.ascontiguousarray(tensor.numpy())
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return little.reshape(-1).view(np.uint8).data


def _key(field: int, length: int) -> bytes:
    """The tag and the length that stand before a field of bytes."""
    return bytes(_varint(field << 3 | 2)) + bytes(_varint(length))


def _varint(number: int) -> Iterator[int]:
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number
