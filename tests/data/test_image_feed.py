"""ImageData: shuffles, ranks, positions, and which line of the list is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from protonet.diagnostics import NetError

pytestmark = pytest.mark.usefixtures("golden_data")


def image_layer(fields="", source="images.txt", batch=2, transform=""):
    return (
        f'layer {{ name: "d" type: "ImageData" top: "data" top: "label" '
        f"transform_param {{ {transform} }} "
        f'image_data_param {{ source: "{source}" batch_size: {batch} {fields} }} }}'
    )


SIZED = "new_height: 4 new_width: 4"


def labels(feed, batches):
    return [label for _ in range(batches) for label in next(feed)["label"].tolist()]


def test_shuffled_rounds_hold_all_images(feed_of):
    feed = feed_of(image_layer(f"{SIZED} shuffle: true", batch=5), "TRAIN", seed=2)
    rounds = [labels(feed, 1) for _ in range(30)]
    assert all(sorted(one) == [0, 1, 2, 3, 4] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 15


def test_ranks_share_one_shuffled_order(feed_of):
    shuffled = image_layer(f"{SIZED} shuffle: true", batch=5)
    alone = feed_of(shuffled, "TRAIN", seed=2)
    ranks = [feed_of(shuffled, "TRAIN", seed=2, rank=rank, world=2) for rank in range(2)]
    wanted, halves = labels(alone, 8), [labels(feed, 4) for feed in ranks]
    assert [label for pair in zip(*halves, strict=True) for label in pair] == wanted


def test_a_shuffled_position_goes_on(feed_of):
    layer = image_layer(f"{SIZED} shuffle: true", transform="crop_size: 3 mirror: true")
    feed = feed_of(layer, "TRAIN", seed=2)
    labels(feed, 7)
    state = json.loads(json.dumps(feed.state()))
    other = feed_of(layer, "TRAIN", seed=99)
    other.restore(state)
    for _ in range(12):
        wanted, got = next(feed), next(other)
        np.testing.assert_array_equal(got["data"], wanted["data"])
        np.testing.assert_array_equal(got["label"], wanted["label"])


def test_rand_skip(feed_of):
    layer = image_layer(f"{SIZED} rand_skip: 3")
    assert {labels(feed_of(layer, seed=s), 1)[0] for s in range(30)} == {0, 1, 2}


def test_names_with_spaces_and_empty_lines(feed_of):
    Path("images/i0.png").rename("images/an image.png")
    Path("list.txt").write_text("\nimages/an image.png 7\n\nimages/i1.png\t-3\n")
    assert labels(feed_of(image_layer(SIZED, "list.txt")), 1) == [7, -3]


@pytest.mark.parametrize(
    ("lines", "fields", "words"),
    [
        ("images/i0.png 1\nimages/none.png 2\n", SIZED, "'images/none.png' (line 2 of list.txt)"),
        ("images/i0.png 1\nimages/none.png 2\n", SIZED, "no such file or directory"),
        ("images/i0.png 1\nlist.txt 2\n", SIZED, "OpenCV can't decode it"),
        ("images/i0.png 1\nimages/i1.png cat\n", SIZED, "list.txt:2:1: error: the line has no"),
        ("images/i0.png 1\nimages/i1.png\n", SIZED, "no whole number as its label"),
        ("\n\n", SIZED, "the list list.txt is empty"),
        ("images/i0.png 1\n", "new_height: 4", "new_height is given without new_width"),
        ("images/i0.png 1\nimages/i1.png 2\n", "", "and the batch holds"),
        ("i0.png 1\n", SIZED + ' root_folder: "images"', "its last / included"),
        ("images/i0.png 1\n", SIZED + " label_type: PIXEL", "label_type belongs to a fork"),
    ],
)
def test_mistakes(feed_of, lines, fields, words):
    Path("list.txt").write_text(lines)
    with pytest.raises(NetError) as caught:
        labels(feed_of(image_layer(fields, "list.txt")), 1)
    assert words in str(caught.value)
    assert caught.value.span is not None
