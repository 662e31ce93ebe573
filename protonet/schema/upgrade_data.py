"""The fields of data layers that moved to transform_param."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protonet.schema.sourcemap import Path

_HOLDERS = {
    "DATA": "data_param",
    "IMAGE_DATA": "image_data_param",
    "WINDOW_DATA": "window_data_param",
}
_TYPES = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}
_MOVED = ("scale", "mean_file", "crop_size", "mirror")


def upgrade_transforms(layers: Sequence[Any]) -> None:
    """Move scale, mean_file, crop_size and mirror of V1 data layers to their transform_param.

    Where one layer of a net has any, all data layers get both messages. Source:
    NetNeedsDataUpgrade, UpgradeNetDataTransformation.
    """
    holders = [(layer, holder) for layer in layers if (holder := _holder(layer))]
    if not any(getattr(layer, h).HasField(f) for layer, h in holders for f in _MOVED):
        return
    for layer, holder in holders:
        old = getattr(layer, holder)
        old.SetInParent()
        layer.transform_param.SetInParent()
        for field in _MOVED:
            if old.HasField(field):
                setattr(layer.transform_param, field, getattr(old, field))
                old.ClearField(field)


def _holder(layer: Any) -> str:
    kinds = layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    return _HOLDERS.get(kinds[layer.type].name, "")


def moved_fields(layer: Any) -> Iterator[str]:
    """The fields of a V1 data layer that have moved since, as ``data_param.scale``."""
    holder = _holder(layer)
    if holder and layer.HasField(holder):
        fields = (field for field in _MOVED if getattr(layer, holder).HasField(field))
        yield from (f"{holder}.{field}" for field in fields)


def moved(layer: Any) -> dict[Path, Path]:
    """Where the fields of an upgraded data layer's transform_param stand in its V1 form."""
    holder = _holder(layer)
    if not holder or not layer.HasField(holder):
        return {}
    fields = (field for field in _MOVED if getattr(layer, holder).HasField(field))
    return {("transform_param", field): (holder, field) for field in fields}


def unread_transforms(layer: Any) -> Iterator[str]:
    """The old fields in a data layer of today, which Caffe neither moves nor reads."""
    holder = _TYPES.get(layer.type, "")
    if holder and layer.HasField(holder):
        fields = (field for field in _MOVED if getattr(layer, holder).HasField(field))
        yield from (f"{holder}.{field} of {layer.name!r}" for field in fields)
