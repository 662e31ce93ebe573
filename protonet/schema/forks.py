"""What the forks' extra fields are to protonet: nothing that is computed, or not supported."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from protonet.schema.pool import is_repeated

_QUANTISED = ("paramq", "params", "scale_in", "scale_out", "a_min", "a_max")

# How, where or how fast something is computed, in what precision, on how many machines.
IGNORED = {
    "NetParameter": (
        *("engine", "data_type", "multinode", "mem_param", "reduced_memory_inference"),
        *("default_forward_type", "default_backward_type", "eltwise_mem_sharing"),
        *("default_forward_math", "default_backward_math", "default_cudnn_math_override"),
        *("global_grad_scale", "global_grad_scale_adaptive", "reduce_buckets"),
        "default_conv_algos_override",
    ),
    "LayerParameter": (
        *("engine", "device", "debug", "quantization_param", "split_param"),
        *("forward_type", "backward_type", "forward_math", "backward_math"),
        *("multinode", "mn_activation_param", "mn_grad_compress_param"),
        *("bottom_data_type", "compute_data_type", "top_data_type"),
        *("bottom_shared_index", "top_shared_index"),
        *("cudnn_math_override", "reshape_every_iter"),
    ),
    "ConvolutionParameter": (
        *("conv_algorithm", "conv_algos_override", "cudnn_convolution_algo_seeker"),
        *_QUANTISED,
    ),
    "InnerProductParameter": _QUANTISED,
    "LSTMParameter": ("paramq", "scale_in", "scale_out", "a_min", "a_max"),
    "LRNParameter": ("unit_test_mode", "unit_test_fuse_kernel"),
    "DropoutParameter": ("random_seed",),
    "AccuracyParameter": ("min_is_better",),
    # Files and pictures beside the boxes; an evaluation compares in units of the image.
    "DetectionOutputParameter": (
        "save_output_param",
        *("visualize", "visualize_threshold", "save_file"),
    ),
    "DetectionEvaluateParameter": ("name_size_file", "resize_param"),
    "YoloDetectionOutputParameter": ("label_map_file",),
}
# Engines that a machine has or not; PyTorch picks its own.
_PLAIN_ENGINES = ("DEFAULT", "CAFFE")

_FUSED = "a layer fused into another is not supported; compile the net that it was made from"
_DEEP = "the third axis is for Convolution3D and Pooling3D"
# Fields that change what is computed, where they are not at their default.
REFUSED = {
    "ConvolutionParameter": {
        **dict.fromkeys(("fuse_type", "fusion_type", "relu", "negative_slope", "coeff"), _FUSED),
        **dict.fromkeys(("eltwise_param", "relu_param"), _FUSED),
        **dict.fromkeys(("kernel_depth", "temporal_pad", "temporal_stride"), _DEEP),
        "shape_offset": "an output of another size is not supported",
    },
    "InnerProductParameter": {
        "relu": _FUSED,
        "negative_slope": _FUSED,
        "normalize": "normalised weights are not supported",
    },
    "PoolingParameter": {
        **dict.fromkeys(("pad_3d", "kernel_size_3d", "stride_3d"), _DEEP),
        **dict.fromkeys(("kernel_depth", "temporal_stride"), _DEEP),
        **dict.fromkeys(("blobs_lr", "blobs_a_min"), "learned pooling is not supported"),
        "torch_pooling": "this rounding is not supported; use round_mode or ceil_mode",
        "avg_include_pad": "an average without the padding is not supported",
        "axis": "pooling over other axes is not supported",
        "dilation": "dilated pooling is not supported",
    },
    "BatchNormParameter": {
        "relu": _FUSED,
        "fused_relu": _FUSED,
        "update_global_stats": "statistics that go on while they are used are not supported",
        "disable_mean": "normalisation by the variance alone is not supported",
        "disable_variance": "normalisation by the mean alone is not supported",
    },
    "ConcatParameter": {"per_fla_fuse": _FUSED},
    "ReLUParameter": {"fuse": _FUSED},
    "LRNParameter": {"fuse_type": _FUSED, "pooling_param": _FUSED},
    "DropoutParameter": {"sqrt_scale": "scaling by a square root is not supported"},
    "ELUParameter": {"lambda": "a scaled ELU is not supported; the type SeLu is"},
    "LossParameter": {
        "label_smoothing": "smoothed labels are not supported",
        "normalization: PRE_FIXED": "a fixed divisor is for SoftmaxWithLoss only",
        "weight_by_label_freqs": "weights of classes are for SoftmaxWithLoss only",
        "is_num_scale": "this normalisation is not supported; use normalization",
    },
    "SoftmaxParameter": {
        "normalize_type": "a loss of another normalisation than Softmax is not supported",
        **dict.fromkeys(
            ("hard_ratio", "hard_mining_label", "cutting_point"), "mining is not supported"
        ),
        "class_weight": "weights go into loss_param { class_weighting } as SegNet has it",
        "label_smooth_factor": "smoothed labels are not supported",
    },
    "ArgMaxParameter": {"softmax_threshold": "a threshold is not supported"},
    "ReductionParameter": {"k": "a reduction to the top k is not supported"},
    "ReshapeParameter": {"pixelshuffler": "pixel shuffling is not supported"},
    "ScaleParameter": dict.fromkeys(("min_value", "max_value"), "bounds are not supported"),
    "ParameterParameter": {"blob_filler": "a filler is not supported"},
    "MemoryDataParameter": dict.fromkeys(("transpose", "dim"), "this layout is not supported"),
}


def plugin_hint(layer_type: str) -> str:
    """The way to a layer that neither Caffe nor a fork that protonet knows has."""
    name = layer_type if re.fullmatch(r"[A-Z][A-Za-z0-9]*", layer_type) else "MyLayer"
    write = f"`protonet layers --new {name}` writes its plugin, --plugin takes it"
    return f"no Caffe that protonet knows has it; for a fork's layer {write}"


def ignored(net: Any) -> Counter[str]:
    """The fields of a net that protonet takes no notice of, each with how often it stands there.

    Only what would be no surprise: they change nothing that is computed.
    """
    found: Counter[str] = Counter()
    _count(found, net, "")
    for layer in net.layer:
        _count(found, layer, "")
        for field, value in layer.ListFields():
            if field.message_type is not None and not is_repeated(field):
                _count(found, value, f"{field.name}.")
    return found


def _count(found: Counter[str], message: Any, prefix: str) -> None:
    passed = IGNORED.get(message.DESCRIPTOR.name, ())
    for field, value in message.ListFields():
        if field.name == "engine" and field.enum_type is not None:
            name = field.enum_type.values_by_number[value].name
            found.update([] if name in _PLAIN_ENGINES else [f"{prefix}engine: {name}"])
        elif field.name in passed:
            found[f"{prefix}{field.name}"] += 1


def refused(
    layer: Any, param: str | None, honours: Sequence[str] = ()
) -> tuple[tuple[str, str], str] | None:
    """A field that changes what a layer computes and is not supported, and why; None if none.

    ``param`` is the field that holds the parameters of the layer's own type, ``honours`` are
    those of its fields that the type knows.
    """
    for holder in (param, "loss_param"):
        if holder is None or not layer.HasField(holder):
            continue
        message = getattr(layer, holder)
        reasons = REFUSED.get(message.DESCRIPTOR.name, {})
        for field, value in message.ListFields() if reasons else ():
            plain = not is_repeated(field) and value == field.default_value
            name = field.name
            if field.enum_type is not None and name not in reasons:
                name = f"{name}: {field.enum_type.values_by_number[value].name}"
            if name in reasons and field.name not in honours and not plain:
                return (holder, field.name), f"{name}: {reasons[name]}"
    return None
