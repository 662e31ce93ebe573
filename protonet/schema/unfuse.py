"""Layers fused into one, as Intel's Caffe and OpenCL's write them, as those that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from protonet.schema.pool import message
from protonet.schema.sourcemap import Path
from protonet.schema.upgrade_v1 import holes

_SUM = 1
_FUSED_RELU, _FUSED_SUM_RELU = 2, 3
_FUSED_MAX_POOL, _MAX = 1, 0
_OF_INTEL = ("relu", "negative_slope", "coeff", "fusion_type")
_OF_OPENCL = ("fuse_type", "eltwise_param", "relu_param")
# Engines that read none of these fields. Source: conv_layer.cpp and its like of Intel's fork.
_OTHERS = ("CAFFE", "CUDNN", "MKL2017")


class PartOfLayer(NamedTuple):
    """A layer, and where what it states stands in the layer that it was fused into."""

    layer: Any
    moved: dict[Path, Path]


def unfused(layers: Sequence[Any], index: int, engine: str) -> list[PartOfLayer]:
    """The layers that the layer at a place of a net stands for; itself where nothing is fused.

    What can't be taken apart stays, and is refused later. What is fused is computed by Intel's
    MKLDNN and OpenCL's INTEL_SPATIAL alone; with another engine stated, in the layer or as
    ``engine`` of the net, it stays as well. Source: MKLDNNConvolutionLayer,
    MKLDNNInnerProductLayer and MKLDNNBatchNormLayer of Intel's fork, ConvolutionLayerSpatial and
    the test of LRN's fuse_type of BVLC's branch opencl.
    """
    layer = layers[index]
    apart = _APART.get(layer.type)
    if apart and len(layer.top) == 1 and engine_of(layer, engine) not in _OTHERS:
        found = list(apart(layers, index))
        if found:
            return found
    return [PartOfLayer(layer, {})]


def with_dilation(part: PartOfLayer) -> PartOfLayer:
    """A layer of today's form whose holes are dilation."""
    if not part.layer.HasField("convolution_param"):
        return part
    new = _copy(part.layer)
    return PartOfLayer(new, {**part.moved, **holes(new)})


def _convolution(layers: Sequence[Any], index: int) -> Iterator[PartOfLayer]:
    layer = layers[index]
    p = layer.convolution_param
    rectifies = p.relu or p.fuse_type in (_FUSED_RELU, _FUSED_SUM_RELU)
    adds = len(layer.bottom) == 2 and (p.fusion_type == _SUM or p.fuse_type == _FUSED_SUM_RELU)
    if not (rectifies or adds) or (adds and not _may_add(layers, index)):
        return
    slope = p.negative_slope if p.relu else p.relu_param.negative_slope
    new = _copy(layer)
    for name in (*_OF_INTEL, *_OF_OPENCL):
        new.convolution_param.ClearField(name)
    if adds:
        inner, other = _free(layers, layer, "filtered"), new.bottom.pop()
        new.top[0] = inner
        yield PartOfLayer(new, {})
        new = _next(layer, "Eltwise", "sum", [inner, other])
    if rectifies:
        yield PartOfLayer(new, {})
        new = _rectified(layer, slope)
    yield PartOfLayer(new, {})


def _may_add(layers: Sequence[Any], index: int) -> bool:
    """Whether the sum is plain, and nobody reads what it is written over.

    Intel's has its result in the second bottom's memory.
    """
    layer = layers[index]
    p = layer.convolution_param
    if len(layer.propagate_down) or layer.eltwise_param.operation != _SUM:
        return False
    if len(p.eltwise_param.coeff):
        return False
    return p.fusion_type != _SUM or not _is_read(layer.bottom[1], layers[index + 1 :])


def _is_read(blob: str, below: Sequence[Any]) -> bool:
    """Whether a layer reads a blob before another makes it anew."""
    for one in below:
        if blob in one.bottom:
            return True
        if blob in one.top:
            return False
    return False


def _inner_product(layers: Sequence[Any], index: int) -> Iterator[PartOfLayer]:
    layer = layers[index]
    if layer.inner_product_param.relu:
        new = _copy(layer)
        new.inner_product_param.ClearField("relu")
        new.inner_product_param.ClearField("negative_slope")
        yield PartOfLayer(new, {})
        yield PartOfLayer(_rectified(layer, layer.inner_product_param.negative_slope), {})


def _batch_norm(layers: Sequence[Any], index: int) -> Iterator[PartOfLayer]:
    layer = layers[index]
    if layer.batch_norm_param.relu:
        new = _copy(layer)
        new.batch_norm_param.ClearField("relu")
        yield PartOfLayer(new, {})
        yield PartOfLayer(_rectified(layer, 0), {})


def _norm(layers: Sequence[Any], index: int) -> Iterator[PartOfLayer]:
    """LRN and the pooling of its maxima."""
    layer = layers[index]
    p = layer.lrn_param
    if p.fuse_type != _FUSED_MAX_POOL or p.pooling_param.pool != _MAX:
        return
    new, inner = _copy(layer), _free(layers, layer, "normalised")
    for name in ("fuse_type", "pooling_param"):
        new.lrn_param.ClearField(name)
    new.top[0] = inner
    yield PartOfLayer(new, {})
    pool = _next(layer, "Pooling", "pool", [inner])
    pool.pooling_param.CopyFrom(p.pooling_param)
    yield PartOfLayer(pool, {("pooling_param",): ("lrn_param", "pooling_param")})


_APART: dict[str, Callable[[Sequence[Any], int], Iterator[PartOfLayer]]] = {
    "Convolution": _convolution,
    "InnerProduct": _inner_product,
    "BatchNorm": _batch_norm,
    "LRN": _norm,
}


def engine_of(layer: Any, engine: str) -> str:
    """The engine that a layer states, in its own message or beside it, or its net; "" for none."""
    for field, value in layer.ListFields():
        if field.name.endswith("_param") and field.message_type is not None:
            own = field.message_type.fields_by_name.get("engine")
            if own is not None and own.enum_type is not None and value.HasField("engine"):
                name = str(own.enum_type.values_by_number[value.engine].name)
                if name != "DEFAULT":
                    return name
    return str(layer.engine or engine).partition(":")[0]


def _copy(layer: Any) -> Any:
    new = message("LayerParameter")
    new.CopyFrom(layer)
    return new


def _next(layer: Any, kind: str, word: str, bottoms: Sequence[str]) -> Any:
    """A layer behind the one that it was fused into, in the same phases."""
    new = message("LayerParameter")
    new.name, new.type = f"{layer.name}/{word}", kind
    new.bottom.extend(bottoms)
    new.top.append(layer.top[0])
    for rule in ("include", "exclude"):
        for one in getattr(layer, rule):
            getattr(new, rule).add().CopyFrom(one)
    return new


def _rectified(layer: Any, slope: float) -> Any:
    """The ReLU behind a layer, in place."""
    new = _next(layer, "ReLU", "relu", [layer.top[0]])
    if slope:
        new.relu_param.negative_slope = slope
    return new


def _free(layers: Sequence[Any], layer: Any, word: str) -> str:
    """A blob's name that the net has not."""
    names = {blob for one in layers for blob in (*one.bottom, *one.top)}
    name = f"{layer.top[0]}/{word}"
    while name in names:
        name += "_"
    return name
