"""The shapes of a data layer's tops, of which the caller gives one."""

from __future__ import annotations

import pytest

from protonet.api import graph

DATA = 'layer {{ name: "d" type: "{}" {} {} {{ source: "nowhere.txt" {} }} }}'


@pytest.mark.parametrize(
    ("kind", "tops", "param", "fields", "given", "wanted"),
    [
        ("ImageSegData", 3, "image_data_param", "", (2, 3, 8, 9), [(2, 1, 8, 9), (2, 1, 1, 2)]),
        ("ImageLabelmapData", 2, "image_data_param", "", (1, 3, 8, 9), [(1, 1, 8, 9)]),
        (
            "DenseImageData",
            2,
            "dense_image_data_param",
            "batch_size: 1 label_divide_factor: 4",
            (2, 3, 8, 12),
            [(2, 1, 2, 3)],
        ),
        ("SegData", 2, "seg_data_param", "", (1, 3, 8, 9), [(1, 1, 8, 9)]),
        (
            "VideoWithVoxelTruthData",
            2,
            "image_data_param",
            "num_truth_channels: 2",
            (1, 3, 4, 8, 9),
            [(1, 2, 4, 8, 9)],
        ),
        ("VideoSegmentationData", 2, "image_data_param", "", (1, 3, 4, 8, 9), [(1, 1, 4, 8, 9)]),
        ("Data", 2, "data_param", "batch_size: 5", (2, 3, 8, 9), [(2,)]),
    ],
)
def test_the_others_follow(kind, tops, param, fields, given, wanted):
    named = [f"t{index}" for index in range(tops)]
    text = DATA.format(kind, " ".join(f'top: "{top}"' for top in named), param, fields)
    net = graph(text, "TRAIN", shapes={"t0": given})
    assert [net.blobs[top].shape for top in named] == [given, *wanted]
