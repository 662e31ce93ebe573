"""MultiLabelImageData: its rows of labels beside ImageData's images, and mistakes in its list."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from protonet.diagnostics import NetError

pytestmark = pytest.mark.usefixtures("golden_data")
SIZED = "new_height: 4 new_width: 4"


def layer(kind, source, fields="", transform=""):
    return (
        f'layer {{ name: "d" type: "{kind}" top: "data" top: "label" '
        f"transform_param {{ {transform} }} "
        f'image_data_param {{ source: "{source}" batch_size: 2 {SIZED} {fields} }} }}'
    )


@pytest.fixture
def rows():
    """Five images' labels, in a list of each form; ImageData has the number of the row."""
    values = np.random.RandomState(1).randn(5, 3).astype(np.float32)
    names = [f"images/i{i}.png" for i in range(5)]
    Path("single.txt").write_text("".join(f"{name} {i}\n" for i, name in enumerate(names)))
    lines = [f"{n} {' '.join(map(repr, v.tolist()))}" for n, v in zip(names, values, strict=True)]
    Path("several.txt").write_text("\n\n".join(lines))
    return values


@pytest.mark.parametrize(
    ("fields", "transform", "phase"),
    [
        ("", "mean_value: 3", "TEST"),
        ("shuffle: true", "crop_size: 3 mirror: true scale: 0.5", "TRAIN"),
        ("rand_skip: 3", "", "TRAIN"),
    ],
)
def test_images_come_as_imagedata_has_them_with_their_labels(
    feed_of, rows, fields, transform, phase
):
    plain = feed_of(layer("ImageData", "single.txt", fields, transform), phase, seed=4)
    feed = feed_of(layer("MultiLabelImageData", "several.txt", fields, transform), phase, seed=4)
    assert feed.shapes["label"] == (2, 3)
    for _ in range(6):
        wanted, found = next(plain), next(feed)
        np.testing.assert_array_equal(found["data"], wanted["data"])
        np.testing.assert_array_equal(found["label"], rows[wanted["label"].astype(int)])
    other = feed_of(layer("MultiLabelImageData", "several.txt", fields, transform), phase, seed=9)
    other.restore(json.loads(json.dumps(feed.state())))
    np.testing.assert_array_equal(next(other)["label"], next(feed)["label"])


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("images/i0.png 1 2\nimages/i1.png 1\n", 2, "the line has 1 labels, and the first 2"),
        ("images/i0.png one\n", 1, "the line has no numbers behind its file"),
        ("images/i0.png 1 nan\n", 1, "the line has no numbers behind its file"),
        ("images/i0.png\n", 1, "the line has no numbers behind its file"),
        ("\nab 1\n", 2, "the name 'ab' is shorter than 3"),
        ("\n", None, "the list several.txt is empty"),
    ],
)
def test_what_is_wrong_in_a_list(feed_of, text, line, told):
    Path("several.txt").write_text(text)
    with pytest.raises(NetError) as caught:
        feed_of(layer("MultiLabelImageData", "several.txt"))
    assert told in caught.value.message
    assert line is None or caught.value.span.line == line


@pytest.mark.usefixtures("rows")
def test_what_it_refuses(feed_of):
    with pytest.raises(NetError, match="face_transform belongs to a fork"):
        feed_of(layer("MultiLabelImageData", "several.txt", "face_transform: true"))
    Path("several.txt").write_text("images/none.png 1\n")
    with pytest.raises(NetError, match=r"line 1 of several\.txt"):
        feed_of(layer("MultiLabelImageData", "several.txt"))
