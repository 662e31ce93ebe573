"""VideoData of segments: the frames drawn, the crops and the flow's mirror held to numpy."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from video_layers import HEIGHT, WIDTH, means, mersenne, shuffled, video_layer, write_frames

from protonet.diagnostics import NetError

COUNTS = [17, 12, 9, 21]
RATIOS = [1, 0.875, 0.75]
THREE = 'num_segments: 3 modality: RGB name_pattern: "img_%05d.jpg"'


@pytest.fixture(autouse=True)
def videos(tmp_path, monkeypatch):
    """Four videos, {"rgb": frames (count, h, w, 3), "x" and "y": flow (count, h, w)} each."""
    monkeypatch.chdir(tmp_path)
    random, found = np.random.RandomState(0), []
    for number, count in enumerate(COUNTS):
        folder, numbers = f"v{number}", range(1, count + 1)
        video = {"rgb": write_frames(folder, [f"img_{n:05d}.jpg" for n in numbers], True, random)}
        for side in "xy":
            names = [f"flow_{side}_{n:05d}.jpg" for n in numbers]
            video[side] = write_frames(folder, names, False, random)
        found.append(video)
    lines = [f"v{number} {count} {number + 5}\n" for number, count in enumerate(COUNTS)]
    Path("list.txt").write_text("".join(lines))
    return found


def planes(video, starts, length, flow):
    """The channels of frames from each of some starts on, frame by frame."""
    found = []
    for start in starts:
        for n in range(start, start + length):
            found += (
                [video["x"][n], video["y"][n]] if flow else list(np.moveaxis(video["rgb"][n], 2, 0))
            )
    return np.stack(found)


def sizes(crop, ratios, distort):
    """fillCropSize for frames whose shorter side is their height."""
    sides = [int(np.float32(HEIGHT) * np.float32(r)) for r in ratios]
    sides = [crop if abs(side - crop) < 3 else side for side in sides]
    return [
        (a, b) for i, a in enumerate(sides) for j, b in enumerate(sides) if abs(i - j) <= distort
    ]


def corners(down, across, more):
    """fillFixOffset."""
    h, w = down // 4, across // 4
    found = [(0, 0), (0, 4 * w), (4 * h, 0), (4 * h, 4 * w), (2 * h, 2 * w)]
    if more:
        found += [(0, 2 * w), (4 * h, 2 * w), (2 * h, 0), (2 * h, 4 * w)]
        found += [(h, w), (h, 3 * w), (3 * h, w), (3 * h, 3 * w)]
    return found


def cropped(image, draw, crop, flow, fixed, scales):
    """DataTransformer::Transform in TRAIN, in its order of draws, but for the mean."""
    mirror = draw() % 2
    size = (crop, crop)
    if scales:
        choices = sizes(crop, RATIOS, 1)
        size = choices[draw() % len(choices)]
    down, across = HEIGHT - size[0], WIDTH - size[1]
    if fixed:
        choices = corners(down, across, fixed == "more")
        top, left = choices[draw() % len(choices)]
    else:
        top, left = draw() % (down + 1), draw() % (across + 1)
    cut = image[:, top : top + size[0], left : left + size[1]]
    cut = np.stack([cv2.resize(plane, (crop, crop)) for plane in cut])
    if not mirror:
        return cut
    if flow:
        cut[::2] = 255 - cut[::2]
    return cut[..., ::-1]


def training(videos, seed, *, flow, length, shuffle, **crops):
    """What VideoDataLayer of yjxiong's fork gives in TRAIN with three segments."""
    main = mersenne(seed)
    main()  # the transformer's first seed, of the set-up
    order, mix = list(range(len(videos))), None
    if shuffle:
        mix = mersenne(main())
        order = shuffled(order, mix)
    frames = mersenne(main())
    for _ in range(3):  # of the set-up
        frames()
    draw = mersenne(main())
    while True:
        for number in order:
            part = COUNTS[number] // 3
            starts = [0, 0, 0]
            if part >= length:
                starts = [frames() % (part - length + 1) + i * part for i in range(3)]
            found = planes(videos[number], starts, length, flow)
            yield cropped(found, draw, 24, flow, **crops), number + 5
        order = shuffled(order, mix) if shuffle else order


@pytest.mark.parametrize("flow", [False, True], ids=["rgb", "flow"])
@pytest.mark.parametrize(
    ("transform", "crops"),
    [
        ("", {"fixed": "", "scales": False}),
        ("fix_crop: true", {"fixed": "few", "scales": False}),
        (
            f"fix_crop: true more_fix_crop: true multi_scale: true scale_ratios: {RATIOS}",
            {"fixed": "more", "scales": True},
        ),
        (f"multi_scale: true scale_ratios: {RATIOS}", {"fixed": "", "scales": True}),
    ],
    ids=["random", "fixed", "multi-scale", "random sizes"],
)
def test_training(feed_of, videos, flow, transform, crops):
    length, kind = (5, "FLOW") if flow else (2, "RGB")
    names = "flow_%c_%05d.jpg" if flow else "img_%05d.jpg"
    mean = [128] if flow else [104.5, 117, 123]
    shuffle = bool(transform)
    fields = (
        f"batch_size: 3 new_length: {length} num_segments: 3 modality: {kind} "
        f'name_pattern: "{names}" shuffle: {str(shuffle).lower()}'
    )
    given = (
        f"crop_size: 24 mirror: true is_flow: {str(flow).lower()} mean_value: {mean} {transform}"
    )
    feed = feed_of(video_layer(fields, given), "TRAIN", seed=6)
    wanted = training(videos, 6, flow=flow, length=length, shuffle=shuffle, **crops)
    for _ in range(6):
        batch = next(feed)
        assert batch["data"].shape == feed.shapes["data"]
        for row in range(3):
            image, label = next(wanted)
            assert batch["label"][row] == label
            np.testing.assert_array_equal(batch["data"][row], means(image, mean))


def test_testing_takes_the_middle_of_each_segment_and_of_the_frame(feed_of, videos):
    fields = (
        'batch_size: 4 new_length: 2 num_segments: 3 modality: RGB name_pattern: "img_%05d.jpg"'
    )
    batch = next(feed_of(video_layer(fields, "crop_size: 20 mirror: false scale: 0.5")))
    for row, count in enumerate(COUNTS):
        part = count // 3
        starts = [(part - 2 + 1) // 2 + i * part for i in range(3)]
        cut = planes(videos[row], starts, 2, False)[:, 5:25, 8:28]
        np.testing.assert_array_equal(batch["data"][row], cut * np.float32(0.5))


def test_frames_are_resized_and_gray(feed_of, videos):
    fields = (
        'batch_size: 1 num_segments: 1 modality: RGB name_pattern: "img_%05d.jpg" grayscale: true'
    )
    batch = next(feed_of(video_layer(f"{fields} new_height: 12 new_width: 10")))
    gray = cv2.cvtColor(videos[0]["rgb"][8], cv2.COLOR_BGR2GRAY)
    assert abs(batch["data"][0, 0] - cv2.resize(gray, (10, 12)).astype(float)).max() <= 1


def test_a_mean_file_of_all_channels(feed_of, videos):
    from protonet.schema.blobs import write_binaryproto

    mean = np.random.RandomState(1).rand(6, HEIGHT, WIDTH).astype(np.float32)
    write_binaryproto("mean.binaryproto", mean[None])
    fields = 'batch_size: 1 new_length: 2 modality: RGB name_pattern: "img_%05d.jpg"'
    transform = 'crop_size: 20 mean_file: "mean.binaryproto"'
    batch = next(feed_of(video_layer(fields, transform)))
    whole = planes(videos[0], [8], 2, False).astype(np.float32) - mean
    np.testing.assert_array_equal(batch["data"][0], whole[:, 5:25, 8:28])


def test_planes_together_with_steps_and_missing_frames(feed_of, videos):
    for number in (10, 11):
        Path(f"v2/img_{number:05d}.jpg").unlink(missing_ok=True)
    Path("list.txt").write_text("v2 11 1\n")
    fields = (
        'batch_size: 1 new_length: 8 num_segments: 1 modality: RGB name_pattern: "img_%05d.jpg" '
        "length_first: true step: 2"
    )
    batch = next(feed_of(video_layer(fields)))
    first = (11 - 8 + 1) // 2
    taken = [videos[2]["rgb"][min(first + n, 8)] for n in (0, 2, 4, 6)]
    wanted = np.stack(taken).transpose(3, 0, 1, 2).reshape(-1, HEIGHT, WIDTH)
    np.testing.assert_array_equal(batch["data"][0], wanted)


def test_a_position_is_taken_up_again(feed_of):
    fields = (
        'batch_size: 3 new_length: 2 num_segments: 3 modality: RGB name_pattern: "img_%05d.jpg"'
    )
    source = video_layer(f"{fields} shuffle: true", "crop_size: 24 mirror: true")
    feed = feed_of(source, "TRAIN", seed=2)
    for _ in range(3):
        next(feed)
    state = json.loads(json.dumps(feed.state()))
    other = feed_of(source, "TRAIN", seed=99)
    other.restore(state)
    for _ in range(5):
        wanted, got = next(feed), next(other)
        np.testing.assert_array_equal(got["data"], wanted["data"])
        np.testing.assert_array_equal(got["label"], wanted["label"])


RGB = f"batch_size: 1 {THREE}"


@pytest.mark.parametrize(
    ("lines", "fields", "transform", "words"),
    [
        ("v0 17\n", RGB, "", "list.txt:1:1: error: the line has 2 words, not 3"),
        ("v0 cat 1\n", RGB, "", "'cat' is no whole number, and stands where FRAMES is"),
        ("v0 -1 1\n", RGB, "", "the number -1 is negative"),
        (
            "v0 60 1\n",
            RGB,
            "",
            "(line 1 of list.txt) can't be taken: its frame 'img_00031.jpg'",
        ),
        ("v9 9 1\n", RGB, "", "its frame 'img_00002.jpg': no such file"),
        ("v0 17 1\n", RGB, "crop_size: 31", "it is 30x36, smaller than crop_size 31"),
        ("v0 17 1\n", RGB, "mean_value: [1, 2]\n", "2 times for 9 channels"),
        ("v0 17 1\n", RGB + " step: 0", "", "step must be positive, it is 0"),
        ("v0 17 1\n", RGB + " step: 2 new_length: 5", "", "step 2 does not divide new_length 5"),
        ("v0 17 1\n", RGB + " step: 2 new_length: 4", "", "step 2 is for frames with length_first"),
        (
            "v0 17 1\n",
            RGB.replace(": 3", ": 0"),
            "",
            "num_segments must be positive",
        ),
        ("v0 17 1\n", RGB.replace("%05d", ""), "", "'img_.jpg' takes a number such as %05d, once"),
        ("v0 17 1\n", RGB.replace("RGB", "FLOW"), "", "takes %c and then a number"),
        ("v0 17 1\n", RGB + " mirror: true", "", "mirror belongs to a fork"),
        ("v0 17 1\n", RGB, "scale_ratios: [1, 0]", "a scale ratio of 0 leaves nothing"),
        ("v0 17 1\n", RGB, "max_distort: -1", "max_distort is at least 0"),
    ],
)
def test_mistakes(feed_of, lines, fields, transform, words):
    Path("list.txt").write_text(lines)
    with pytest.raises(NetError) as caught:
        next(feed_of(video_layer(fields, transform)))
    assert words in str(caught.value)
    assert caught.value.span is not None
