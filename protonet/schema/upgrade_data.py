"""The fields of data layers that moved to transform_param."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from protonet.schema.sourcemap import Path

_HOLDERS = {
    "DATA": "data_param",
    "IMAGE_DATA": "image_data_param",
    "WINDOW_DATA": "window_data_param",
    "VIDEO_DATA": "image_data_param",
    "VIDEO_SEGMENTATION_DATA": "image_data_param",
    "VIDEO_WITH_VOXEL_TRUTH_DATA": "image_data_param",
}
_TYPES = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}
_MOVED = ("scale", "mean_file", "crop_size", "mirror")
_MEAN = "mean_value"  # of C3D, one for all channels


def upgrade_transforms(layers: Sequence[Any]) -> None:
    """Move scale, mean_file, crop_size and mirror of V1 data layers to their transform_param.

    Where one layer of a net has any, all data layers get both messages. A mean_value of C3D's goes
    with them. Source: NetNeedsDataUpgrade, UpgradeNetDataTransformation.
    """
    holders = [(layer, holder) for layer in layers if (holder := _holder(layer))]
    if not any(field for layer, holder in holders for field in _held(getattr(layer, holder))):
        return
    for layer, holder in holders:
        old = getattr(layer, holder)
        old.SetInParent()
        layer.transform_param.SetInParent()
        for field in _held(old):
            if field == _MEAN:
                layer.transform_param.mean_value.append(old.mean_value)
            else:
                setattr(layer.transform_param, field, getattr(old, field))
            old.ClearField(field)


def _held(old: Any) -> list[str]:
    """The fields of a message that move."""
    names = old.DESCRIPTOR.fields_by_name
    return [field for field in (*_MOVED, _MEAN) if field in names and old.HasField(field)]


def _holder(layer: Any) -> str:
    kinds = layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    return _HOLDERS.get(kinds[layer.type].name, "")


def moved_fields(layer: Any) -> Iterator[str]:
    """The fields of a V1 data layer that have moved since, as ``data_param.scale``."""
    holder = _holder(layer)
    if holder and layer.HasField(holder):
        yield from (f"{holder}.{field}" for field in _held(getattr(layer, holder)))


def moved(layer: Any) -> dict[Path, Path]:
    """Where the fields of an upgraded data layer's transform_param stand in its V1 form."""
    holder = _holder(layer)
    if not holder or not layer.HasField(holder):
        return {}
    means: Path = ("transform_param", _MEAN, 0)
    fields = _held(getattr(layer, holder))
    places = {means if f == _MEAN else ("transform_param", f): (holder, f) for f in fields}
    return dict(places)


def unread_transforms(layer: Any) -> Iterator[str]:
    """The old fields in a data layer of today, which Caffe neither moves nor reads."""
    holder = _TYPES.get(layer.type, "")
    if holder and layer.HasField(holder):
        fields = (field for field in _MOVED if getattr(layer, holder).HasField(field))
        yield from (f"{holder}.{field} of {layer.name!r}" for field in fields)
