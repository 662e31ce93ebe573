"""Layers whose numbers a fork rounds to few bits, which nothing here does."""

from __future__ import annotations

from typing import Any, NamedTuple

from protonet.schema.sourcemap import Path
from protonet.schema.unfuse import engine_of

_FIELD = "quantization_param"
_OF_INTEL = (
    *("precision", "rounding_scheme", "bw_layer_in", "bw_layer_out", "bw_params"),
    *("fl_layer_in", "fl_layer_out", "fl_params", "scale_in", "scale_out", "scale_params"),
    *("is_negative_input", "force_u8_input"),
)
_ROUNDED = ("Convolution", "InnerProduct")
_IN_FLOATS = ("CAFFE", "CUDNN", "MKL2017")
_HINT = 'engine: "CAFFE" in the net asks for the numbers of that engine of Intel\'s, in floats'


class Rounded(NamedTuple):
    """Why the numbers are others, the field that says so, and what to do."""

    what: str
    field: Path
    hint: str


def rounded(layer: Any, engine: str, phase: str) -> Rounded | None:
    """What of a layer is computed in few bits; None where its floats are the fork's.

    Intel's engine MKLDNN, which is its default, rounds what convolutions and inner products of a
    TEST net read, hold and give, after it has folded the normalisation, the rectifier and the sum
    behind them into them; how sums of 16 bits overflow is the processor's. ``engine`` is the net's
    own. Source: MKLDNNConvolutionLayer, MKLDNNInnerProductLayer and Net::CompileNet.
    """
    if not layer.HasField(_FIELD):
        return None
    for field, _ in getattr(layer, _FIELD).ListFields():
        if field.name not in _OF_INTEL:
            what = f"{field.name}: numbers of few bits, as another fork than Intel's has them, "
            what += "are not supported"
            return Rounded(what, (_FIELD, field.name), f"leave {_FIELD} out for floats")
    floats = engine_of(layer, engine) in _IN_FLOATS
    if phase != "TEST" or layer.type not in _ROUNDED or floats:
        return None
    what = f"{_FIELD}: Intel's engine MKLDNN computes it in 8 bits, which is not supported"
    return Rounded(what, (_FIELD,), f"{_HINT}; or leave {_FIELD} out")
