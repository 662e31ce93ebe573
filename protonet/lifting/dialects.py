"""What a tool that reads Caffe files takes: layer types, fields, and what it forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from protonet.diagnostics import NetError, did_you_mean

_CAFFE = (
    "AbsVal ArgMax BatchNorm BatchReindex Bias BNLL Concat Convolution Crop Deconvolution Dropout "
    "DummyData Eltwise ELU Embed Exp Flatten Im2col InnerProduct Input Log LRN LSTM MVN Parameter "
    "Pooling Power PReLU Reduction ReLU Reshape RNN Scale Sigmoid Silence Slice Softmax Split SPP "
    "TanH Threshold Tile"
)


@dataclass(frozen=True)
class Dialect:
    """A tool's Caffe: its layer types, and the fields of theirs that Caffe 1.0 has not.

    ``fields`` are {layer type: names of fields}. ``most_tops`` is how many tops a layer may have;
    ``source`` says where the facts stand.
    """

    name: str
    title: str
    layers: frozenset[str]
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    most_tops: int | None = None
    source: str = ""

    def has(self, kind: str, *fields: str) -> bool:
        """Whether a layer type, and fields that Caffe 1.0 has not, may be written."""
        return kind in self.layers and self.fields.get(kind, frozenset()).issuperset(fields)


BVLC = Dialect(
    "bvlc",
    "Caffe 1.0",
    frozenset(_CAFFE.split()),
    source="BVLC/caffe, release 1.0: src/caffe/layers",
)
DIALECTS = {each.name: each for each in (BVLC,)}


def dialect_of(name: str) -> Dialect:
    """The dialect of a name. NetError where there is none."""
    if name not in DIALECTS:
        known = f"the dialects are {', '.join(DIALECTS)}"
        raise NetError(f"there is no dialect {name!r}", None, did_you_mean(name, DIALECTS) or known)
    return DIALECTS[name]
