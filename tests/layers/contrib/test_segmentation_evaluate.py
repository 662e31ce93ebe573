"""SegmentationEvaluate against its loops in numpy and OpenCV's resize; LaneData's shapes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, outputs, quick

from protonet import NetError
from protonet.api import graph


def reference(masks, truth, threshold):
    found = []
    for mask, real in zip(masks[0], truth[0], strict=True):
        same = mask.shape == real.shape
        seen = mask > threshold
        if not same:
            levels = (mask * 255).astype(np.uint8)
            # The fork gives the interpolation in the place of a factor.
            resized = cv2.resize(levels, real.shape[::-1], None, cv2.INTER_AREA)
            seen = resized > int(threshold * 255)
        inside = real > threshold
        right, either = (seen & inside).sum(), (seen | inside).sum()
        found.append(right / either if right else 0.0 if same or inside.any() else -1.0)
    return np.array(found)[None, None, None]


@settings(quick, max_examples=8)
@given(st.integers(0, 2**16), st.sampled_from([(6, 8), (12, 16), (3, 4)]), st.floats(0.1, 0.9))
def test_masks_are_judged_as_in_the_fork(seed, size, threshold):
    draw = np.random.default_rng(seed)
    # Steps that no rounding of an interpolation brings across the threshold.
    masks = draw.integers(0, 2, (2, 3, 6, 8)) * 1.0
    masks[:, 2] = 0
    truth = draw.integers(0, 2, (2, 3, *size)) * 1.0
    truth[0, seed % 3] = 0
    threshold = float(np.float32(0.02 + round(threshold, 1)))
    fields = f"segmentation_evaluate_param {{ threshold: {threshold} }}"
    net = compiled("SegmentationEvaluate", fields, [masks.shape, truth.shape])
    close(outputs(net, masks, truth)[0], reference(masks, truth, threshold))


def test_masks_of_one_size_need_no_resizing():
    draw = np.random.default_rng(0)
    masks, truth = draw.uniform(size=(2, 2, 9, 5)), draw.uniform(size=(2, 2, 9, 5))
    net = compiled("SegmentationEvaluate", "", [masks.shape, truth.shape])
    close(outputs(net, masks, truth)[0], reference(masks, truth, 0.5))


def test_masks_of_other_classes():
    with pytest.raises(NetError, match="as many items and classes, not 1x2x4x4 and 1x3x4x4"):
        compiled("SegmentationEvaluate", "", [(1, 2, 4, 4), (1, 3, 4, 4)])


LANES = """layer {{ name: "d" type: "LaneData" top: "x" top: "l" top: "m" transform_param {{ {} }}
data_param {{ source: "none" batch_size: 2 }} annotated_data_param {{ {} }} }}"""


def test_the_shapes_of_lanes():
    resized = "resize_param { height: 30 width: 20 }"
    found = graph(LANES.format(resized, "seg_resize_width: 7 seg_resize_height: 9")).blobs
    assert [found[b].shape for b in "xlm"] == [(2, 3, 30, 20), (2, 5, 64, 3), (2, 1, 7, 9)]
    with pytest.raises(NetError, match="no resize_param states one size"):
        graph(LANES.format("", ""))
    with pytest.raises(NetError, match="seg_scales must be positive"):
        graph(LANES.format(resized, "seg_scales: 0"))
    with pytest.raises(NetError, match="makes images of 0x20"):
        graph(LANES.format("resize_param { width: 20 }", ""))
