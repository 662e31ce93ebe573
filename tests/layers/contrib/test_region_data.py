"""craftGBD's regions and deepsaldet's windows with masks: their shapes and what they refuse."""

from __future__ import annotations

import pytest

from protonet import NetError
from protonet.api import graph, read, selected
from protonet.data import open_feeds
from protonet.selection import Selection

TRAIN = (
    "source: 'a' source: 'b' root_folder: '' root_folder: '' batch_size: 32 batch_size: 8 "
    "ims_per_batch: 1 gt_per_batch: 2 scales: 600 fg_thresh: 0.5 fg_thresh: 0.7 bg_thresh_hi: 0.5 "
    "bg_thresh_lo: 0.0 fg_fraction: 0.25 num_class: 5 rand_seed: 3 rand_skip: 0 max_size: 40 "
)


def regions(fields):
    tops = " ".join(f'top: "{top}"' for top in "abcde")
    return (
        f'layer {{ name: "l" type: "FrcnnTrainData" {tops} frcnn_train_data_param {{ {fields} }} }}'
    )


def shapes_of(text, **more):
    return [value.shape for value in graph(text, **more).blobs.values()]


def test_regions_of_both_lists():
    wanted = [(3, 3, 40, 40), (48,), (48, 5), (48, 20), (48, 20)]
    assert shapes_of(regions(TRAIN)) == wanted
    alone = [(1, 3, 40, 40), (32,), (32, 5), (32, 20), (32, 20)]
    assert shapes_of(regions(f"{TRAIN} split_source: true")) == alone


@pytest.mark.parametrize(
    ("cut", "what"),
    [
        ("source: 'b' ", "source is given for each of its two lists"),
        ("batch_size: 8 ", "batch_size is given for each"),
        ("rand_seed: 3 ", "rand_seed is given once"),
        ("max_size: 40 ", None),
    ],
)
def test_lists_that_are_too_short(cut, what):
    text = regions(TRAIN.replace(cut, ""))
    if what is None:
        assert shapes_of(text)[0] == (3, 3, 1000, 1000)
        return
    with pytest.raises(NetError, match=what):
        shapes_of(text)


OLD = """
layers { name: "data" type: MCWINDOW_DATA top: "data" top: "mask" top: "label"
  mcwindow_data_param { source: "list" batch_size: 2 crop_size: 9 mask_crop_size: 5 FIELDS } }
"""


def test_windows_with_masks():
    assert shapes_of(OLD.replace("FIELDS", "")) == [(2, 3, 9, 9), (2, 1, 5, 5), (2, 1, 1, 1)]
    given = shapes_of(OLD.replace("FIELDS", ""), shapes={"mask": (2, 4, 5, 5)})
    assert given == [(2, 3, 9, 9), (2, 4, 5, 5), (2, 1, 1, 1)]
    with pytest.raises(NetError, match="warp or square"):
        shapes_of(OLD.replace("FIELDS", 'crop_mode: "wrap"'))
    with pytest.raises(NetError, match="mask_crop_size must be positive"):
        shapes_of(OLD.replace("FIELDS", "").replace("mask_crop_size: 5", ""))


def test_windows_in_the_order_of_their_list_are_not_read():
    text = """layer { name: "d" type: "WindowData" top: "data" top: "label"
    transform_param { crop_size: 8 }
    window_data_param { source: "w" batch_size: 4 shuffle: false } }"""
    assert shapes_of(text) == [(4, 3, 8, 8), (4,)]
    with pytest.raises(NetError, match="shuffle belongs to a fork"):
        open_feeds(selected(read(text), Selection.of("TRAIN")), "TRAIN")
