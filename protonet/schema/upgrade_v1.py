"""One V1 layer, with its enum of types, as a layer of today."""

from __future__ import annotations

from typing import Any

from protonet.schema.pool import is_repeated, message
from protonet.schema.sourcemap import Path

_TYPES = {
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BN": "BN",
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
    "DENSE_CRF": "DenseCRF",
    "MCWINDOW_DATA": "MCWindowData",
}
_OWN = ("name", "type", "bottom", "top", "param", "blob_share_mode", "blobs_lr", "weight_decay")
_IN_OLD_NETS_ONLY = ("layer", "strict_dim", "softmaxloss_param")


def upgrade_v1_layer(old: Any) -> tuple[Any, dict[Path, Path]]:
    """The layer, and where its renamed fields stood. ValueError for a field today has not.

    DeepLab's first release has hole for dilation and softmaxloss_param for loss_param; its
    strict_dim is for the weights' copy alone. Source: UpgradeV1LayerParameter.
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
        if field.name not in _OWN and field.name not in _IN_OLD_NETS_ONLY:
            _copy(new, field, value)
    return new, moved | holes(new) | _ignored_labels(old, new)


def type_name(old: Any) -> str:
    """SOFTMAX_LOSS as SoftmaxWithLoss. Source: UpgradeV1LayerType."""
    enum = old.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[old.type].name
    if enum == "NONE":
        return ""
    return _TYPES.get(enum) or "".join(word.capitalize() for word in enum.split("_"))


def holes(new: Any) -> dict[Path, Path]:
    """DeepLab's hole, or hole_h and hole_w, as today's dilation, and where it stood.

    Nothing where both are given: which of them is meant, nobody knows.
    """
    held = new.convolution_param
    given = [f for f in ("hole", "hole_h", "hole_w") if held.HasField(f)]
    if not given or len(held.dilation):
        return {}
    apart = held.HasField("hole_h") or held.HasField("hole_w")
    held.dilation.extend([held.hole_h, held.hole_w] if apart else [held.hole])
    for field in given:
        held.ClearField(field)
    place: Path = ("convolution_param", "dilation")
    return {(*place, at): ("convolution_param", given[-1]) for at in range(len(held.dilation))}


def _ignored_labels(old: Any, new: Any) -> dict[Path, Path]:
    """The label that DeepLab's softmaxloss_param ignores, as loss_param's."""
    held = old.softmaxloss_param
    if held.HasField("weight_source"):
        raise ValueError("softmaxloss_param.weight_source, weights of classes, is not supported")
    if len(held.ignore_label) > 1:
        raise ValueError("softmaxloss_param ignores several labels, and loss_param takes one")
    if not len(held.ignore_label):
        return {}
    new.loss_param.ignore_label = held.ignore_label[0]
    return {("loss_param", "ignore_label"): ("softmaxloss_param", "ignore_label", 0)}


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
