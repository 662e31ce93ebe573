"""C3D's volumes with the truth of each voxel: read, cropped, mirrored and scaled, against numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_layers import mersenne

from protonet.diagnostics import NetError
from protonet.schema.blobs import write_binaryproto

FRAMES, HEIGHT, WIDTH = 3, 10, 12


def written(name, values):
    sizes = np.array([1, *values.shape], "<i4").tobytes()
    Path(name).write_bytes(sizes + values.tobytes())


@pytest.fixture(autouse=True)
def volumes(tmp_path, monkeypatch):
    """Two volumes of 3 channels and 2 of truth in floats, two of 3 and 1 in bytes, and lists."""
    monkeypatch.chdir(tmp_path)
    random, found = np.random.RandomState(0), {"float": [], "byte": []}
    for number in range(2):
        floats = random.normal(size=(5, FRAMES, HEIGHT, WIDTH)).astype("<f4")
        byte = random.randint(0, 256, (4, FRAMES, HEIGHT, WIDTH)).astype(np.uint8)
        for kind, values in (("float", floats), ("byte", byte)):
            written(f"{kind}{number}", values)
            found[kind].append(values)
    for kind in found:
        Path(f"{kind}.txt").write_text(f"{kind}0\n{kind}1\n")
    return found


def flow(fields, transform=""):
    return (
        'layers { name: "d" type: VIDEO_WITH_VOXEL_TRUTH_DATA top: "data" top: "truth" '
        'image_data_param { source: "float.txt" batch_size: 2 num_truth_channels: 2 '
        f"{fields} {transform} }} }}"
    )


def classes(fields, transform=""):
    return (
        'layers { name: "d" type: VIDEO_SEGMENTATION_DATA top: "data" top: "truth" '
        f'image_data_param {{ source: "byte.txt" batch_size: 2 {fields} {transform} }} }}'
    )


def test_flow_is_scaled_and_turned_round_by_a_mirror(feed_of, volumes):
    crop = "crop_size: 8 mirror: true mean_value: 0.5 scale: 2"
    feed = feed_of(flow("is_flow: true truth_scale: 0.125", crop), "TRAIN", seed=2)
    draw, mirrors = mersenne(mersenne(2)()), set()
    for _ in range(5):
        batch = next(feed)
        for row, volume in enumerate(volumes["float"]):
            top, left, mirror = draw() % (HEIGHT - 8), draw() % (WIDTH - 8), draw() % 2
            cut = volume[..., top : top + 8, left : left + 8][..., :: -1 if mirror else 1]
            truth = cut[3:] * np.array([-1 if mirror else 1, 1]).reshape(2, 1, 1, 1) / 8
            np.testing.assert_allclose(batch["data"][row], (cut[:3] - 0.5) * 2, rtol=1e-6)
            np.testing.assert_allclose(batch["truth"][row], truth, rtol=1e-6)
            mirrors.add(mirror)
    assert mirrors == {0, 1}


def test_a_truth_between_bounds(feed_of, volumes):
    batch = next(feed_of(flow("clip_min: -1 clip_max: 1", "crop_size: 8")))
    truth = volumes["float"][1][3:, :, 1:9, 2:10]
    np.testing.assert_allclose(batch["truth"][1], np.clip((truth + 1) / 2, 0, 1), rtol=1e-5)


def test_without_a_crop_the_truth_stays_as_it_is(feed_of, volumes):
    batch = next(feed_of(flow("truth_scale: 0.5")))
    np.testing.assert_array_equal(batch["truth"][0], volumes["float"][0][3:])


def test_labels_of_voxels_with_a_mean(feed_of, volumes):
    mean = np.random.RandomState(3).rand(1, 3, FRAMES, HEIGHT, WIDTH).astype(np.float32)
    write_binaryproto("mean", mean)
    feed = feed_of(classes("", 'crop_size: 8 mean_file: "mean"'))
    batch = next(feed)
    assert {top: array.shape for top, array in batch.items()} == feed.shapes
    for row, volume in enumerate(volumes["byte"]):
        whole = volume[:3].astype(np.float32) - mean[0]
        np.testing.assert_array_equal(batch["data"][row], whole[..., 1:9, 2:10])
        np.testing.assert_array_equal(batch["truth"][row], volume[3:, :, 1:9, 2:10])


def test_a_position_is_taken_up_again(feed_of):
    source = flow("shuffle: true", "crop_size: 8 mirror: true")
    feed = feed_of(source, "TRAIN", seed=2)
    next(feed)
    other = feed_of(source, "TRAIN", seed=9)
    other.restore(feed.state())
    for _ in range(4):
        wanted, got = next(feed), next(other)
        np.testing.assert_array_equal(got["truth"], wanted["truth"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty|it has 0 bytes"),
        (b"12345", "it has 5 bytes, and five sizes take 20"),
        (np.array([1, 5, 0, 4, 4], "<i4").tobytes(), "1x5x0x4x4 are not those of a volume"),
        (np.array([2, 5, 1, 4, 4], "<i4").tobytes(), "it holds 2 volumes"),
        (np.array([1, 5, 1, 4, 4], "<i4").tobytes(), "takes 340 bytes, and it has 20"),
        (np.array([1, 2, 1, 1, 1], "<i4").tobytes() + bytes(8), "2 channels, and 2 would be"),
    ],
)
def test_files_that_are_none(feed_of, content, words):
    Path("float0").write_bytes(content)
    with pytest.raises(NetError, match=words) as caught:
        feed_of(flow(""))
    assert "'float0' (line 1 of float.txt)" in str(caught.value)
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("fields", "transform", "words"),
    [
        ("new_length: 4", "", "it has 3 frames, and new_length is 4"),
        ("clip_min: 1 clip_max: 1", "", "clip_min 1 is not below clip_max 1"),
        ("", "crop_size: 10", "not larger than crop_size 10"),
    ],
)
def test_settings_that_are_wrong(feed_of, fields, transform, words):
    with pytest.raises(NetError, match=words) as caught:
        feed_of(flow(fields, transform))
    assert caught.value.span is not None
