"""What a tool that reads Caffe files takes: layer types, fields, and what it forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protonet.diagnostics import NetError, did_you_mean
from protonet.schema.pool import Message, is_repeated

# Values of a field that may be written: {layer type: {field: values}}; none where it may not be.
Allowed = Mapping[str, Mapping[str, tuple[object, ...]]]


@dataclass(frozen=True)
class Dialect:
    """A tool's Caffe: its layer types, and what it takes of their fields.

    ``allowed`` are the values of fields where it does not take all that Caffe does; ``most_tops``
    is how many a layer may have. ``source`` says where the facts stand.
    """

    name: str
    title: str
    layers: frozenset[str]
    allowed: Allowed = field(default_factory=dict)
    most_tops: int | None = None
    source: str = ""

    def has(self, kind: str, *fields: str) -> bool:
        """Whether a layer type may be written, and these fields of it with any value."""
        limits = self.allowed.get(kind, {})
        return kind in self.layers and not any(name in limits for name in fields)

    def flaw(self, kind: str, own: Message | None, tops: int) -> str | None:
        """Why a layer may not be written; None where it may. ``own`` is its type's message."""
        if kind not in self.layers:
            return f"it has no layer {kind}"
        if self.most_tops is not None and tops > self.most_tops:
            return f"a {kind} of {tops} tops is more than the {self.most_tops} that it takes"
        for name, values in self.allowed.get(kind, {}).items():
            given = _stated(own, name)
            if given is not None and given not in values:
                takes = f"only {' or '.join(map(str, values))}" if values else "none"
                return f"{kind}'s {name} is {given} here; it takes {takes}"
        return None


def _stated(own: Message | None, name: str) -> object:
    """The value of a field; None where it is not stated."""
    if own is None:
        return None
    if is_repeated(own.DESCRIPTOR.fields_by_name[name]):
        return tuple(getattr(own, name)) or None
    return getattr(own, name) if own.HasField(name) else None


def _layers(*texts: str) -> frozenset[str]:
    return frozenset(" ".join(texts).split())


_INFERENCE = (
    "AbsVal ArgMax BatchNorm BatchReindex Bias BNLL Concat Convolution Crop Deconvolution Dropout "
    "DummyData Eltwise ELU Embed Exp Flatten Im2col InnerProduct Input Log LRN LSTM MVN Parameter "
    "Pooling Power PReLU Reduction ReLU Reshape RNN Scale Sigmoid Silence Slice Softmax Split SPP "
    "TanH Threshold Tile"
)
_NO_ROUNDING: Allowed = {"Pooling": {"round_mode": ()}}
# Only Caffe's own engine takes other axes than two, and is asked for by name.
_PLANES: Allowed = {"Convolution": {"engine": ()}, "Deconvolution": {"engine": ()}}
BVLC = Dialect(
    "bvlc",
    "Caffe 1.0",
    _layers(_INFERENCE),
    _NO_ROUNDING,
    source="BVLC/caffe, release 1.0: the layers, and caffe.proto",
)
_MASTER = Dialect(
    "master",
    "Caffe's last state",
    _layers(_INFERENCE, "Clip Swish"),
    source="BVLC/caffe, branch master of 2020: Clip, Swish and Pooling's round_mode came after 1.0",
)
_SSD = Dialect(
    "ssd",
    "SSD's Caffe",
    _layers(_INFERENCE, "Permute Normalize"),
    _NO_ROUNDING,
    source="weiliu89/caffe, branch ssd: Permute and Normalize beside BVLC's layers",
)
_NNIE = Dialect(
    "nnie",
    "HiSilicon's nnie_mapper",
    _layers(
        "Input Convolution Deconvolution Pooling InnerProduct LRN BatchNorm Scale Eltwise ReLU "
        "PReLU AbsVal TanH Sigmoid Softmax Concat Slice Split Flatten Reshape Dropout LSTM RNN "
        "Power Permute Normalize Upsample"
    ),
    {
        **_PLANES,
        "Pooling": {"round_mode": ()},
        "Permute": {"order": ((0, 2, 3, 1),)},
        "Softmax": {"axis": (1,)},
    },
    most_tops=16,
    source="the sample guide of OpenHarmony's Hi3516DV300 names standard layers and the forks' "
    "Normalize and Upsample; users report the order of Permute and the 16 tops of Slice",
)
_TENSORRT = Dialect(
    "tensorrt",
    "TensorRT's Caffe parser",
    _layers(
        "Input AbsVal BatchNorm BNLL Clip Concat Convolution Crop Deconvolution Dropout Eltwise "
        "ELU InnerProduct LRN Permute Pooling Power PReLU Reduction ReLU TanH Sigmoid Reshape "
        "Softmax Scale Flatten"
    ),
    {**_PLANES, "Pooling": {"round_mode": ()}, "Concat": {"axis": (1,)}},
    source="TensorRT 7.2: the operators of NvCaffeParser, and its open sources' parsers",
)
_ARMNN = Dialect(
    "armnn",
    "Arm NN's Caffe parser",
    _layers(
        "Input BatchNorm Convolution Concat Dropout Eltwise InnerProduct LRN Pooling ReLU Scale "
        "Softmax Split"
    ),
    {
        "Convolution": {"dilation": (), "engine": ()},
        "Concat": {"axis": (1,)},
        "Eltwise": {"coeff": ()},
        "InnerProduct": {"axis": ()},
        "Softmax": {"axis": ()},
        "Pooling": {"round_mode": ()},
    },
    source="Arm NN 21.02: Caffe layers supported by the Arm NN SDK",
)
DIALECTS: Mapping[str, Dialect] = {
    each.name: each for each in (BVLC, _MASTER, _SSD, _NNIE, _TENSORRT, _ARMNN)
}


def dialect_of(name: str) -> Dialect:
    """The dialect of a name. NetError where there is none."""
    if name not in DIALECTS:
        known = f"the dialects are {', '.join(DIALECTS)}"
        raise NetError(f"there is no dialect {name!r}", None, did_you_mean(name, DIALECTS) or known)
    return DIALECTS[name]
