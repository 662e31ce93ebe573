"""One V0 layer, all its fields in one message, as a V1 layer."""

from __future__ import annotations

from typing import Any

from protonet.schema.pool import is_repeated, message

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
_KERNELS = {
    "conv": "convolution_param",
    "pool": "pooling_param",
    "innerproduct": "inner_product_param",
}
_DATA = {"data": "data_param", "hdf5_data": "hdf5_data_param", "images": "image_data_param"}
_DATA |= {"window_data": "window_data_param", "infogain_loss": "infogain_loss_param"}
# V0's field, the message that holds it today (by type, or one for all), its name there.
_PLACES: dict[str, tuple[dict[str, str] | str, str]] = {
    "num_output": (_KERNELS, "num_output"),
    "biasterm": (_KERNELS, "bias_term"),
    "weight_filler": (_KERNELS, "weight_filler"),
    "bias_filler": (_KERNELS, "bias_filler"),
    "pad": (_KERNELS, "pad"),
    "kernelsize": (_KERNELS, "kernel_size"),
    "group": (_KERNELS, "group"),
    "stride": (_KERNELS, "stride"),
    "pool": ("pooling_param", "pool"),
    "dropout_ratio": ("dropout_param", "dropout_ratio"),
    "local_size": ("lrn_param", "local_size"),
    "alpha": ("lrn_param", "alpha"),
    "beta": ("lrn_param", "beta"),
    "k": ("lrn_param", "k"),
    "source": (_DATA | {"hdf5_output": "hdf5_output_param"}, "source"),
    "scale": ("transform_param", "scale"),
    "meanfile": ("transform_param", "mean_file"),
    "batchsize": (_DATA, "batch_size"),
    "cropsize": ("transform_param", "crop_size"),
    "mirror": ("transform_param", "mirror"),
    "rand_skip": (_DATA, "rand_skip"),
    "shuffle_images": ("image_data_param", "shuffle"),
    "new_height": ("image_data_param", "new_height"),
    "new_width": ("image_data_param", "new_width"),
    "concat_dim": ("concat_param", "concat_dim"),
    "det_fg_threshold": ("window_data_param", "fg_threshold"),
    "det_bg_threshold": ("window_data_param", "bg_threshold"),
    "det_fg_fraction": ("window_data_param", "fg_fraction"),
    "det_context_pad": ("window_data_param", "context_pad"),
    "det_crop_mode": ("window_data_param", "crop_mode"),
    "hdf5_output_param": ("", "hdf5_output_param"),
}
_PLAIN = ("name", "type", "blobs", "blobs_lr", "weight_decay")


def upgrade_v0_layer(connection: Any) -> tuple[Any, dict[str, bool]]:
    """The V1 layer of a V0 connection, or None for a padding layer, which only lends its pad.

    ValueError for a type or a field that V0 does not have there. Source: UpgradeV0LayerParameter.
    """
    old, new = connection.layer, message("V1LayerParameter")
    if old.type == "padding":
        return None, {"v0": True}
    new.bottom.extend(connection.bottom)
    new.top.extend(connection.top)
    if old.HasField("name"):
        new.name = old.name
    if old.HasField("type"):
        if old.type not in _TYPES:
            raise ValueError(
                f"layer {old.name!r} has the unknown type {old.type!r} of Caffe's first form"
            )
        new.type = (
            new.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_name[_TYPES[old.type]].number
        )
    for blob in old.blobs:
        new.blobs.add().CopyFrom(blob)
    new.blobs_lr.extend(old.blobs_lr)
    new.weight_decay.extend(old.weight_decay)
    for field, value in old.ListFields():
        if field.name not in _PLAIN:
            _place(old, new, field, value)
    return new, {"v0": True}


def _place(old: Any, new: Any, field: Any, value: Any) -> None:
    where, name = _PLACES.get(field.name, (None, ""))
    holder = where.get(old.type) if isinstance(where, dict) else where
    if holder is None:
        raise ValueError(f"the field {field.name!r} has no meaning in a layer of type {old.type!r}")
    target = getattr(new, holder) if holder else new
    known = target.DESCRIPTOR.fields_by_name.get(name)
    if known is None:
        raise ValueError(f"the field {field.name!r} has no meaning in a layer of type {old.type!r}")
    if is_repeated(known):
        getattr(target, name).append(value)
    elif known.message_type is not None:
        getattr(target, name).CopyFrom(value)
    else:
        setattr(target, name, value)
