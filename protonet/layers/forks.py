"""What forks of Caffe add to messages that several layer types share, and why it is not done.

What they add to a message of one type stands in the type's own class, unless it is much.
"""

from __future__ import annotations

FUSED = "a layer fused into another in this way is not supported"
_QUANTISED = dict.fromkeys(
    ("paramq", "params", "scale_in", "scale_out", "a_min", "a_max"),
    "numbers of 8 bits of a fork without public source are not supported",
)
INNER_PRODUCT = {
    **dict.fromkeys(("relu", "negative_slope"), FUSED),
    **_QUANTISED,
}
_DEEP = "the third axis is for Convolution3D and Pooling3D"
_DEPTH = dict.fromkeys(("kernel_depth", "temporal_stride"), _DEEP)
CONVOLUTION = {
    **dict.fromkeys(("fuse_type", "fusion_type", "relu", "negative_slope"), FUSED),
    **dict.fromkeys(("eltwise_param", "relu_param"), FUSED),
    **_DEPTH,
    **_QUANTISED,
    "temporal_pad": _DEEP,
    "shape_offset": "an output of another size is not supported",
    **dict.fromkeys(("hole", "hole_h", "hole_w"), "write it as dilation alone, its name of today"),
}
POOLING = {
    **_DEPTH,
    **dict.fromkeys(("pad_3d", "kernel_size_3d", "stride_3d"), _DEEP),
    **dict.fromkeys(("blobs_lr", "blobs_a_min"), "learned pooling is not supported"),
    "torch_pooling": "this rounding is not supported; use round_mode or ceil_mode",
    "avg_include_pad": "an average without the padding is not supported",
    "axis": "pooling over other axes is not supported",
    "dilation": "dilated pooling is not supported",
}
RELU = {"fuse": FUSED}
SOFTMAX = {
    "normalize_type": "a loss of another normalisation than Softmax is not supported",
    **dict.fromkeys(
        ("hard_ratio", "hard_mining_label", "cutting_point"), "mining is not supported"
    ),
    "class_weight": "weights go into loss_param { class_weighting } as SegNet has it",
    "label_smooth_factor": "smoothed labels are not supported",
}
# What whats-the-point's loss counts, and what it divides by.
POINTS = (
    *(f"ignore_{part}" for part in ("objectness", "location", "constraint", "classes", "rank")),
    *(f"normalize_{part}" for part in ("supervised", "classes", "constraint", "objectness")),
    "is_siftflow",
)
LOSS = {
    **dict.fromkeys(POINTS, "what counts is for SoftmaxWithLossExpectation only"),
    "label_smoothing": "smoothed labels are not supported",
    "normalization: PRE_FIXED": "a fixed divisor is for SoftmaxWithLoss only",
    "weight_by_label_freqs": "weights of classes are for SoftmaxWithLoss only",
    "is_num_scale": "this normalisation is not supported; use normalization",
}

# Files and pictures that a detector's last layer writes beside its boxes.
PICTURES = ("save_output_param", "visualize", "visualize_threshold", "save_file", "label_map_file")
# By what way a convolution is computed, and factors of what is computed in 8 bits.
WAYS = ("conv_algorithm", "conv_algos_override", "cudnn_convolution_algo_seeker", "coeff")


def without(refused: dict[str, str], *done: str) -> dict[str, str]:
    """The fields that a type refuses which does some of those that others of its message don't."""
    return {field: why for field, why in refused.items() if field not in done}
