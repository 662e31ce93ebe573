"""Lists, masks and settings for segmentation that are wrong: refused, with their place."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from pair_layers import PIXEL, layer, write_pairs

from protonet.diagnostics import NetError


@pytest.fixture(autouse=True)
def pairs(tmp_path, monkeypatch):
    """Five images of five sizes with their labels, and a list of them, as (image, labels)."""
    monkeypatch.chdir(tmp_path)
    return write_pairs()


def written(labels):
    cv2.imwrite("m.png", labels)
    return "i0.png m.png\n"


@pytest.mark.parametrize(
    ("lines", "fields", "words"),
    [
        ("i0.png m0.png\ni1.png\n", PIXEL, "list.txt:2:1: error: the line has 1 word, not 2"),
        ("an image.png m0.png\n", PIXEL, "a name may have no space in it"),
        ("\n", PIXEL, "the list list.txt is empty"),
        ("i0.png m9.png\n", PIXEL, "its map of labels 'm9.png': no such file"),
        ("i0.png m1.png\n", PIXEL, "its map of labels is 40x36, and the image 32x40"),
        ("i0.png i0.png\n", PIXEL, "its labels are colours, not numbers"),
        ("i0.png cat\n", "label_type: IMAGE", "give `label_type: PIXEL`"),
        ("i0.png 256\n", "label_type: IMAGE", "the label 256 is not one of 0 to 255"),
        ("i0.png m0.png\n", PIXEL + " ignore_label: -1", "ignore_label -1 is not one of 0 to 255"),
        ("i0.png m0.png\n", PIXEL + " new_height: 9", "new_height is given without new_width"),
        (
            "i0.png m0.png\ni1.png m1.png\n",
            "batch_size: 2 label_type: PIXEL",
            "batch holds 3x32x40",
        ),
    ],
)
def test_mistakes(feed_of, lines, fields, words):
    Path("list.txt").write_text(lines)
    with pytest.raises(NetError) as caught:
        next(feed_of(layer("ImageSegData", fields)))
    assert words in str(caught.value)
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((32, 40), 300, np.uint16), "a map of labels of uint16"),
        (np.dstack([np.full((32, 40), n, np.uint8) for n in (1, 2, 3)]), "are colours"),
    ],
)
def test_masks_that_are_no_labels(feed_of, labels, words):
    Path("list.txt").write_text(written(labels))
    with pytest.raises(NetError, match=words):
        feed_of(layer("ImageSegData", PIXEL))


def test_a_mask_of_one_bit_is_refused(feed_of):
    cv2.imwrite("m.png", np.eye(32, 40, dtype=np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1])
    Path("list.txt").write_text("i0.png m.png\n")
    with pytest.raises(NetError, match="labels of 1 bit"):
        feed_of(layer("ImageSegData", PIXEL))


def test_a_gray_mask_in_three_channels_is_taken(feed_of, pairs):
    labels = pairs[0][1]
    Path("list.txt").write_text(written(np.dstack([labels] * 3)))
    batch = next(feed_of(layer("ImageSegData", PIXEL)))
    np.testing.assert_array_equal(batch["label"][0, 0], labels)


@pytest.mark.parametrize(
    ("kind", "fields", "transform", "words"),
    [
        ("ImageSegData", PIXEL, 'mean_file: "m"', "it takes no mean_file"),
        ("ImageSegData", PIXEL, "crop_size: 3 crop_height: 4", "and crop_height are both given"),
        ("ImageSegData", PIXEL, "crop_height: 4", "crop_height is given without crop_width"),
        ("ImageSegData", PIXEL, "scale_factors: [1, 0]", "a scale factor of 0"),
        ("ImageSegData", PIXEL, "crop_size: 64", "no mean_value fills it up"),
        ("ImageSegData", PIXEL, "mean_value: [1, 2]", "mean_value is given 2 times for 3 channels"),
        ("DenseImageData", "batch_size: 1", "mirror: true", "an image without its labels"),
        ("DenseImageData", "batch_size: 1", "crop_size: 8", "has crop_height and crop_width"),
        ("DenseImageData", "batch_size: 1 crop_height: 64 crop_width: 8", "", "smaller than 64x8"),
        (
            "DenseImageData",
            "batch_size: 1 crop_height: 8 crop_width: 8 label_divide_factor: 8",
            "",
            "label_divide_factor 8 and a crop",
        ),
        ("SegData", "", "stride: 64", "smaller than the stride 64"),
        ("SegData", "", "stride: 0", "stride must be positive"),
        ("SegData", "", "scale_ratios: 1.2", "scale_ratios is given 1 times"),
        ("SegData", "", "scale_ratios: [1.2, 0.8]", "give the least first"),
        ("SegData", "", "upper_size: -1", "upper_size must be positive, it is -1"),
    ],
)
def test_settings_that_are_wrong(feed_of, kind, fields, transform, words):
    with pytest.raises(NetError) as caught:
        next(feed_of(layer(kind, fields, transform)))
    assert words in str(caught.value)
    assert caught.value.span is not None
