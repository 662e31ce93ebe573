"""V0 layers, all fields of every type in one message, as V1 layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from protonet.schema.pool import is_repeated, message
from protonet.schema.sourcemap import Path

_TYPES = {
    "accuracy": "ACCURACY",
    "bnll": "BNLL",
    "concat": "CONCAT",
    "conv": "CONVOLUTION",
    "data": "DATA",
    "dropout": "DROPOUT",
    "euclidean_loss": "EUCLIDEAN_LOSS",
    "flatten": "FLATTEN",
    "hdf5_data": "HDF5_DATA",
    "hdf5_output": "HDF5_OUTPUT",
    "im2col": "IM2COL",
    "images": "IMAGE_DATA",
    "infogain_loss": "INFOGAIN_LOSS",
    "innerproduct": "INNER_PRODUCT",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MULTINOMIAL_LOGISTIC_LOSS",
    "pool": "POOLING",
    "relu": "RELU",
    "sigmoid": "SIGMOID",
    "softmax": "SOFTMAX",
    "softmax_loss": "SOFTMAX_LOSS",
    "split": "SPLIT",
    "tanh": "TANH",
    "window_data": "WINDOW_DATA",
}
_CONVOLVED = {"conv": "convolution_param"}
_WEIGHED = _CONVOLVED | {"innerproduct": "inner_product_param"}
_SLID = _CONVOLVED | {"pool": "pooling_param"}
_IMAGES = {"images": "image_data_param"}
_SKIPPING = _IMAGES | {"data": "data_param"}
_WINDOWS = {"window_data": "window_data_param"}
_BATCHES = _SKIPPING | _WINDOWS | {"hdf5_data": "hdf5_data_param"}
_LRN = {"lrn": "lrn_param"}
_ANY = dict.fromkeys(_TYPES, "transform_param") | {"": "transform_param"}
# V0's field: the message that holds it today, by the types that have it, and its name there.
_PLACES: dict[str, tuple[dict[str, str], str]] = {
    "num_output": (_WEIGHED, "num_output"),
    "biasterm": (_WEIGHED, "bias_term"),
    "weight_filler": (_WEIGHED, "weight_filler"),
    "bias_filler": (_WEIGHED, "bias_filler"),
    "pad": (_SLID, "pad"),
    "kernelsize": (_SLID, "kernel_size"),
    "group": (_CONVOLVED, "group"),
    "stride": (_SLID, "stride"),
    "pool": ({"pool": "pooling_param"}, "pool"),
    "dropout_ratio": ({"dropout": "dropout_param"}, "dropout_ratio"),
    **{name: (_LRN, name) for name in ("local_size", "alpha", "beta", "k")},
    "source": (_BATCHES | {"infogain_loss": "infogain_loss_param"}, "source"),
    "batchsize": (_BATCHES, "batch_size"),
    "scale": (_ANY, "scale"),
    "meanfile": (_ANY, "mean_file"),
    "cropsize": (_ANY, "crop_size"),
    "mirror": (_ANY, "mirror"),
    "rand_skip": (_SKIPPING, "rand_skip"),
    "shuffle_images": (_IMAGES, "shuffle"),
    "new_height": (_IMAGES, "new_height"),
    "new_width": (_IMAGES, "new_width"),
    "concat_dim": ({"concat": "concat_param"}, "concat_dim"),
    **{
        f"det_{name}": (_WINDOWS, name)
        for name in ("fg_threshold", "bg_threshold", "fg_fraction", "context_pad", "crop_mode")
    },
    "hdf5_output_param": ({"hdf5_output": ""}, "hdf5_output_param"),
}
_PLAIN = ("name", "type", "blobs", "blobs_lr", "weight_decay")


class Misplaced(ValueError):
    """A layer that can't be upgraded; ``field`` is the place in it."""

    def __init__(self, what: str, *field: str | int) -> None:
        super().__init__(what)
        self.field = field


def upgrade_v0_layer(connection: Any, drop: Callable[[str], None]) -> Any:
    """The V1 layer of a V0 connection. Misplaced for a type that V0 has not.

    A field that has no meaning in a layer of its type is left out, and told to ``drop``. Source:
    UpgradeV0LayerParameter.
    """
    old, new = connection.layer, message("V1LayerParameter")
    new.bottom.extend(connection.bottom)
    new.top.extend(connection.top)
    for field, _ in connection.ListFields():
        if field.name not in ("bottom", "top", "layer"):
            drop(field.name)
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        if old.type not in _TYPES:
            what = f"layer {old.name!r} has the unknown type {old.type!r} of Caffe's first form"
            raise Misplaced(what, "layer", "type")
        kinds = new.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_name
        new.type = kinds[_TYPES[old.type]].number
    for blob in old.blobs:
        new.blobs.add().CopyFrom(blob)
    new.blobs_lr.extend(old.blobs_lr)
    new.weight_decay.extend(old.weight_decay)
    for field, value in old.ListFields():
        if field.name not in _PLAIN and not _place(old, new, field, value):
            drop(f"layer.{field.name}")
    return new


def _place(old: Any, new: Any, field: Any, value: Any) -> bool:
    """Put a field where today has it; False where a layer of that type has no place for it."""
    holders, name = _PLACES.get(field.name, ({}, ""))
    if old.type not in holders:
        return False
    target = getattr(new, holders[old.type]) if holders[old.type] else new
    known = target.DESCRIPTOR.fields_by_name[name]
    if is_repeated(known):
        getattr(target, name).append(value)
    elif known.message_type is not None:
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)
    return True


def moved(connection: Any) -> dict[Path, Path]:
    """Where the fields of an upgraded layer stand in its V0 connection."""
    old = connection.layer
    found: dict[Path, Path] = {}
    for field, _ in old.ListFields():
        holders, name = _PLACES.get(field.name, ({}, ""))
        holder = holders.get(old.type)
        if not holder:
            continue
        known = message("V1LayerParameter").DESCRIPTOR.fields_by_name[holder].message_type
        new: Path = (holder, name, 0) if is_repeated(known.fields_by_name[name]) else (holder, name)
        found[new] = ("layer", field.name)
    return found


def pad_readers(layers: Sequence[Any], inputs: Sequence[str]) -> dict[int, Any]:
    """The V0 layers by their place in the file, each with the pad of a padding layer it reads.

    Padding layers leave none. Misplaced where one is read by what is neither a convolution nor a
    pooling, or a layer reads what none above it makes; its ``args[1]`` is the layer's place.
    Source: UpgradeV0PaddingLayers.
    """
    made: dict[str, int | None] = dict.fromkeys(inputs)
    found: dict[int, Any] = {}
    for index, connection in enumerate(layers):
        own = message("V1LayerParameter")
        own.CopyFrom(connection)
        for place, blob in enumerate(connection.bottom):
            if blob not in made:
                what = (
                    f"the bottom {blob!r} of layer {own.layer.name!r} is not the top of any layer"
                )
                raise Misplaced(what, index, "bottom", place)
            maker = made[blob]
            if maker is not None and layers[maker].layer.type == "padding":
                _check_padding(layers[maker], connection, index, place)
                own.layer.pad = layers[maker].layer.pad
                own.bottom[place] = layers[maker].bottom[0]
        made.update(dict.fromkeys(connection.top, index))
        if own.layer.type != "padding":
            found[index] = own
    return found


def _check_padding(padding: Any, reader: Any, index: int, place: int) -> None:
    name = f"layer {reader.layer.name!r}"
    if reader.layer.type not in ("conv", "pool"):
        what = (
            f"{name} of type {reader.layer.type!r} reads a padding layer, which only conv and pool"
        )
        raise Misplaced(f"{what} can", index, "bottom", place)
    if len(reader.bottom) != 1:
        raise Misplaced(
            f"{name} reads a padding layer, and takes one bottom then", index, "bottom", place
        )
    if len(padding.bottom) != 1 or len(padding.top) != 1:
        what = f"the padding layer {padding.layer.name!r} takes one bottom and one top"
        raise Misplaced(what, index)
