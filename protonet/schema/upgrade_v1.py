"""One V1 layer, with its enum of types, as a layer of today."""

from __future__ import annotations

from typing import Any

from protonet.schema.pool import is_repeated, message
from protonet.schema.sourcemap import Path

_TYPES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "PRELU": "PReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
    "CONVOLUTION3D": "Convolution3D",
    "DECONVOLUTION3D": "Deconvolution3D",
    "POOLING3D": "Pooling3D",
}
_OWN = ("name", "type", "bottom", "top", "param", "blob_share_mode", "blobs_lr", "weight_decay")


def upgrade_v1_layer(old: Any) -> tuple[Any, dict[Path, Path]]:
    """The layer, and where its renamed fields stood. ValueError for a field today has not.

    Source: UpgradeV1LayerParameter.
    """
    new = message("LayerParameter")
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        new.type = type_name(old)
    new.bottom.extend(old.bottom)
    new.top.extend(old.top)
    moved = _params(old, new)
    for field, value in old.ListFields():
        if field.name not in _OWN and field.name != "layer":
            _copy(new, field, value)
    return new, moved


def type_name(old: Any) -> str:
    """SOFTMAX_LOSS as SoftmaxWithLoss. Source: UpgradeV1LayerType."""
    enum = old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[old.type].name
    if enum == "NONE":
        return ""
    return _TYPES.get(enum) or "".join(word.capitalize() for word in enum.split("_"))


def _params(old: Any, new: Any) -> dict[Path, Path]:
    moved: dict[Path, Path] = {}
    for index, name in enumerate(old.param):
        _spec(new, index).name = name
        moved[("param", index)] = ("param", index)
    for index, mode in enumerate(old.blob_share_mode):
        _spec(new, index).share_mode = mode
    for index, rate in enumerate(old.blobs_lr):
        _spec(new, index).lr_mult = rate
        moved.setdefault(("param", index), ("blobs_lr", index))
        moved[("param", index, "lr_mult")] = ("blobs_lr", index)
    for index, decay in enumerate(old.weight_decay):
        _spec(new, index).decay_mult = decay
        moved.setdefault(("param", index), ("weight_decay", index))
    return moved


def _spec(new: Any, index: int) -> Any:
    while len(new.param) <= index:
        new.param.add()
    return new.param[index]


def _copy(new: Any, field: Any, value: Any) -> None:
    if field.name not in new.DESCRIPTOR.fields_by_name:
        raise ValueError(f"the field {field.name!r} of an old layer has no place in today's form")
    if is_repeated(field):
        target = getattr(new, field.name)
        if field.message_type is not None:
            for item in value:
                target.add().CopyFrom(item)
        else:
            target.extend(value)
    elif field.message_type is not None:
        getattr(new, field.name).CopyFrom(value)
    else:
        setattr(new, field.name, value)
