"""ImageData with sample_num, as yuqj1991's fork has it; and new_dim, as yihui-he's."""

from __future__ import annotations

import json
from collections import Counter

import cv2
import numpy as np
import pytest

from protonet.diagnostics import NetError

SIZED = "new_height: 8 new_width: 10"


@pytest.fixture
def classes(tmp_path, monkeypatch):
    """Six folders, the last with two images only; an image's colour says which it is."""
    monkeypatch.chdir(tmp_path)
    lines = []
    for number in range(6):
        folder = tmp_path / "faces" / f"who {number}"
        folder.mkdir(parents=True)
        for image in range(2 if number == 5 else 7):
            made = np.full((12, 16, 3), (10 * number, 20 * image, 200), np.uint8)
            made[:, :8, 2] = 100  # the left half
            cv2.imwrite(str(folder / f"{image}.png"), made)
        (folder / ".hidden").write_text("no image")
        lines.append(f"who {number} {40 + number}\n")
    (tmp_path / "list.txt").write_text("".join(lines))


def layer(fields=SIZED, transform="", batch=9, label_num=3, sample_num=3):
    return (
        'layer { name: "d" type: "ImageData" top: "data" top: "counts" top: "label" '
        f"transform_param {{ {transform} }} image_data_param {{ "
        f'source: "list.txt" root_folder: "faces" batch_size: {batch} label_num: {label_num} '
        f"sample_num: {sample_num} {fields} }} }}"
    )


def told(batch):
    """Of each image its class and number, from its colour."""
    return [(int(one[0, 0, 0]) // 10, int(one[1, 0, 0]) // 20) for one in batch["data"]]


@pytest.mark.usefixtures("classes")
def test_a_batch_has_so_many_images_of_each_class(feed_of):
    feed = feed_of(layer(), "TRAIN", seed=3)
    assert feed.shapes == {"data": (9, 3, 8, 10), "counts": (3,), "label": (9,)}
    often, batches = Counter(), 120
    for _ in range(batches):
        batch = next(feed)
        images, counts = told(batch), batch["counts"].astype(int).tolist()
        assert [40 + which for which, _ in images] == batch["label"].tolist()
        assert len(set(images)) == sum(counts) == 9
        groups, start = [], 0
        for count in counts:
            (group,) = {which for which, _ in images[start : start + count]}
            groups.append(group)
            start += count
        assert len(set(groups)) == len(groups)
        for group, count in zip(groups[:-1], counts[:-1], strict=True):
            assert count == (2 if group == 5 else 3)
        often.update(groups[:3])
    # Three of six classes at random: within five standard errors of a half.
    assert all(abs(often[n] / batches - 0.5) < 5 * np.sqrt(0.25 / batches) for n in range(6))


@pytest.mark.usefixtures("classes")
def test_a_position_goes_on(feed_of):
    text = layer(transform="mirror: true crop_size: 6")
    feed = feed_of(text, "TRAIN", seed=2)
    next(feed)
    state = json.loads(json.dumps(feed.state()))
    other = feed_of(text, "TRAIN", seed=99)
    other.restore(state)
    for _ in range(3):
        wanted, got = next(feed), next(other)
        assert all(np.array_equal(got[top], wanted[top]) for top in wanted)


@pytest.mark.usefixtures("classes")
def test_patches_and_mirrors(feed_of):
    fields = "probability: 0.5 lower: 0.4 higher: 0.6 min_aspect_ratio: 0.4 max_aspect_ratio: 0.8"
    resize = "resize_param { height: 12 width: 16 } mirror: true"
    means = "mean_value: 50.5 mean_value: 60 mean_value: 255"
    feed = feed_of(layer(fields, f"{resize} {means}"), "TRAIN", seed=7)
    shares, turned, total = [], 0, 0
    for _ in range(40):
        images = next(feed)["data"].transpose(0, 2, 3, 1) + np.array([50.5, 60, 255], np.float32)
        painted = (images == np.array([50, 60, 255], np.float32)).all(-1)
        shares += [one.mean() for one in painted if one.any()]
        left = [
            one[~mask][:, 2] for one, mask in zip(images[:, :, 0], painted[:, :, 0], strict=True)
        ]
        turned += sum(bool(column.size) and column[0] == 200 for column in left)
        total += len(images)
    assert abs(len(shares) / total - 0.5) < 5 * np.sqrt(0.25 / total)
    assert abs(turned / total - 0.5) < 5 * np.sqrt(0.25 / total)
    # A square of the scale, cut off to whole pixels on each side.
    assert 0.05 < min(shares) < max(shares) <= 0.36


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch": 8}, "batch_size 8 is not label_num 3 times sample_num 3"),
        ({"fields": f"{SIZED} probability: 0.5"}, "no range within 0 to 1"),
        ({"fields": f"{SIZED} cache: true"}, "cache belongs to a fork"),
        ({"transform": "noise_param { hist_eq: true }"}, "noise_param belongs to a fork"),
    ],
)
@pytest.mark.usefixtures("classes")
def test_what_is_refused(feed_of, changes, words):
    with pytest.raises(NetError, match=words):
        feed_of(layer(**changes))


@pytest.mark.usefixtures("classes")
def test_classes_that_do_not_fill_a_batch(feed_of):
    feed = feed_of(layer(batch=30, label_num=10))
    with pytest.raises(NetError, match=r"its 6 classes have 17 images, .* a batch has 30"):
        next(feed)


@pytest.mark.parametrize("cubic", [True, False])
@pytest.mark.parametrize("shape", [(30, 21, 3), (13, 47, 3)])
def test_new_dim_is_the_short_side(tmp_path, monkeypatch, feed_of, shape, cubic):
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    cv2.imwrite("a.png", image)
    (tmp_path / "list.txt").write_text("a.png 4\n")
    text = 'layer { name: "d" type: "ImageData" top: "data" top: "label" image_data_param { '
    text += f'source: "list.txt" new_dim: 16 bicubic: {str(cubic).lower()} }} }}'
    scale = 16 / min(shape[:2])
    size = (16, round(scale * 30)) if shape[0] > shape[1] else (round(scale * 47), 16)
    way = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    wanted = cv2.resize(image, size, interpolation=way).transpose(2, 0, 1)[None]
    assert np.array_equal(next(feed_of(text))["data"], wanted)
