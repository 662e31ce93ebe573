"""VideoData of clips: frames, starts, crops and labels of C3D's two releases held to numpy."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from video_layers import HEIGHT, WIDTH, means, mersenne, shuffled, video_layer, write_frames

from protonet.diagnostics import NetError
from protonet.schema.blobs import write_binaryproto

COUNTS = [12, 9, 15]
IMAGES = "use_image: true new_length: 4 batch_size: 2"


@pytest.fixture(autouse=True)
def videos(tmp_path, monkeypatch):
    """Three folders of frames, (count, h, w, 3) each, and a list of clips of them."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    names = [[f"{n:06d}.jpg" for n in range(1, count + 1)] for count in COUNTS]
    found = [write_frames(f"v{i}", each, True, random) for i, each in enumerate(names)]
    Path("list.txt").write_text("v0/ 1 3\nv1 5 1\nv2 9 0\nv0 9 3\n")
    return found


LINES = [(0, 0, 3), (1, 4, 1), (2, 8, 0), (0, 8, 3)]


def volume(frames, start, rate=1, length=4):
    return frames[start : start + rate * length : rate].transpose(3, 0, 1, 2)


def test_frames_in_their_order(feed_of, videos):
    feed = feed_of(video_layer(IMAGES, "mean_value: [1, 2, 3] scale: 0.5"))
    assert feed.shapes == {"data": (2, 3, 4, HEIGHT, WIDTH), "label": (2,)}
    for pair in (LINES[:2], LINES[2:], LINES[:2]):
        batch = next(feed)
        for row, (number, start, label) in enumerate(pair):
            wanted = means(volume(videos[number], start), [1, 2, 3], 0.5)
            np.testing.assert_array_equal(batch["data"][row], wanted)
            assert batch["label"][row] == label


def test_every_other_frame_shuffled_mirrored_and_cropped(feed_of, videos):
    Path("list.txt").write_text("v0 1 3\nv1 2 1\nv2 3 0\n")
    fields = f"{IMAGES} sampling_rate: 2 shuffle: true"
    feed = feed_of(
        video_layer(fields, "crop_size: 20 mirror: true mean_value: 128"), "TRAIN", seed=4
    )
    main = mersenne(4)
    main()  # the transformer's first seed, of the set-up
    mix = mersenne(main())
    order, draw = shuffled([(0, 0, 3), (1, 1, 1), (2, 2, 0)], mix), None
    draw = mersenne(main())
    taken = []
    for _ in range(6):
        if len(taken) < 2:
            taken += order
            order = shuffled(order, mix)
        batch = next(feed)
        for row in range(2):
            number, start, label = taken.pop(0)
            mirror, top, left = draw() % 2, draw() % (HEIGHT - 19), draw() % (WIDTH - 19)
            cut = volume(videos[number], start, 2)[..., top : top + 20, left : left + 20]
            cut = cut[..., ::-1] if mirror else cut
            np.testing.assert_array_equal(batch["data"][row], means(cut, [128]))
            assert batch["label"][row] == label


def test_starts_and_rates_are_drawn(feed_of, videos):
    Path("list.txt").write_text("v0 12 3\nv2 15 0\n")
    fields = (
        f"{IMAGES} use_temporal_jitter: true use_sampling_rate_jitter: true max_sampling_rate: 3"
    )
    feed = feed_of(video_layer(fields), "TRAIN", seed=9)
    draw = mersenne(mersenne(9)())
    for _ in range(5):
        batch = next(feed)
        for row, number in enumerate((0, 2)):
            rate = draw() % 3 + 1
            start = draw() % (COUNTS[number] - 4 * rate + 1)
            np.testing.assert_array_equal(batch["data"][row], volume(videos[number], start, rate))


def first_release(fields, transform=""):
    """A layer of C3D's first release: in V1's form, with all its fields in image_data_param."""
    return (
        'layers { name: "d" type: VIDEO_DATA top: "data" top: "label" image_data_param '
        f'{{ source: "list.txt" {fields} {transform} }} }}'
    )


def test_the_first_release_never_draws_the_last_corner(feed_of, videos):
    Path("list.txt").write_text("v0 1 3\nv1 5 1\n")
    source = first_release(IMAGES, "crop_size: 28 mirror: true mean_value: 10 scale: 2")
    feed = feed_of(source, "TRAIN", seed=3)
    main = mersenne(3)
    main()
    draw, corners = mersenne(main()), set()
    for _ in range(12):
        batch = next(feed)
        for row, (number, start) in enumerate(((0, 0), (1, 4))):
            top, left, mirror = draw() % (HEIGHT - 28), draw() % (WIDTH - 28), draw() % 2
            cut = volume(videos[number], start)[..., top : top + 28, left : left + 28]
            cut = cut[..., ::-1] if mirror else cut
            np.testing.assert_array_equal(batch["data"][row], means(cut, [10], 2))
            corners.add((top, left))
    assert {top for top, _ in corners} == {0, 1}


def varint(value):
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


@pytest.mark.parametrize("form", ["shape", "first release"])
def test_a_mean_of_all_frames(feed_of, videos, form):
    mean = np.random.RandomState(1).rand(1, 3, 4, HEIGHT, WIDTH).astype(np.float32)
    if form == "shape":
        write_binaryproto("mean", mean)
    else:  # num, channels, length, height and width are fields 1 to 5, the numbers the sixth
        axes = b"".join(bytes([n << 3]) + varint(size) for n, size in enumerate(mean.shape, 1))
        data = mean.tobytes()
        Path("mean").write_bytes(axes + bytes([6 << 3 | 2]) + varint(len(data)) + data)
    batch = next(feed_of(first_release(IMAGES, 'crop_size: 20 mean_file: "mean"')))
    whole = volume(videos[0], 0).astype(np.float32) - mean[0]
    np.testing.assert_array_equal(batch["data"][0], whole[..., 5:25, 8:28])


@pytest.fixture
def film():
    """A video file of ten frames, and what OpenCV reads of it one after the other."""
    random = np.random.RandomState(5)
    writer = cv2.VideoWriter("film.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    for _ in range(10):
        writer.write(random.randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))
    writer.release()
    capture = cv2.VideoCapture("film.avi")
    return np.stack([capture.read()[1] for _ in range(10)])


def test_video_files(feed_of, film):
    Path("list.txt").write_text("film.avi 0 3\nfilm.avi 2 1\n")
    batch = next(feed_of(video_layer("new_length: 4 batch_size: 2 sampling_rate: 2")))
    for row, start in enumerate((0, 2)):
        np.testing.assert_array_equal(batch["data"][row], volume(film, start, 2))
    assert batch["label"].tolist() == [3, 1]


def test_starts_in_a_video_file_are_drawn_in_both_phases(feed_of, film):
    Path("list.txt").write_text("film.avi 3\n")
    layer = video_layer("new_length: 4 batch_size: 3 use_temporal_jitter: true")
    feed, draw = feed_of(layer, seed=8), mersenne(mersenne(8)())
    for _ in range(3):
        batch = next(feed)
        for row in range(3):
            np.testing.assert_array_equal(batch["data"][row], volume(film, draw() % 7))


def test_several_labels(feed_of):
    Path("list.txt").write_text("v0 1 3,0\nv1 1 2\n")
    labels = "use_multiple_label: true num_of_labels: 4"
    batch = next(feed_of(video_layer(f"{IMAGES} {labels}")))
    assert batch["label"].tolist() == [[1, 0, 0, 1], [0, 0, 1, 0]]


def test_a_position_is_taken_up_again(feed_of):
    Path("list.txt").write_text("v0 12 3\nv2 15 0\nv1 9 1\n")
    fields = f"{IMAGES} use_temporal_jitter: true shuffle: true"
    source = video_layer(fields, "crop_size: 24 mirror: true")
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


@pytest.mark.parametrize(
    ("lines", "fields", "transform", "words"),
    [
        ("v0 1\n", IMAGES, "", "list.txt:1:1: error: the line has 2 words, not 3"),
        (
            "v0 10 1\n",
            IMAGES,
            "",
            "(line 1 of list.txt) can't be taken: its frame '000013.jpg'",
        ),
        ("v0 9 1\n", IMAGES + " sampling_rate: 0", "", "sampling_rate must be positive, it is 0"),
        ("v1 9 1\n", IMAGES + " sampling_rate: 3 use_temporal_jitter: true", "", "9 frames, and"),
        ("v0 1 4\n", IMAGES + " use_multiple_label: true num_of_labels: 4", "", "not all below"),
        ("v0 1 1\n", IMAGES + " crop_size: 8", "", "crop_size is not read from video_data_param"),
        ("v0 1 1\n", IMAGES, "multi_scale: true", "multi_scale belongs to a fork"),
        (
            "none.avi 1 1\n",
            "new_length: 4",
            "",
            "'none.avi' (line 1 of list.txt) can't be",
        ),
        ("list.txt 1 1\n", "new_length: 4", "", "OpenCV can't open it as a video"),
        ("film.avi 8 1\n", "new_length: 4", "", "OpenCV finds no frame 10 of 10 in it"),
    ],
)
@pytest.mark.usefixtures("film")
def test_mistakes(feed_of, lines, fields, transform, words):
    Path("list.txt").write_text(lines)
    with pytest.raises(NetError) as caught:
        next(feed_of(video_layer(fields, transform), "TRAIN"))
    assert words in str(caught.value)
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ("crop_size: 30", "it is 30x36, not larger than crop_size 30"),
        ("mirror: true", "mirror takes a crop_size"),
    ],
)
def test_mistakes_of_the_first_release(feed_of, transform, words):
    with pytest.raises(NetError) as caught:
        feed_of(first_release(IMAGES, transform))
    assert words in str(caught.value)
    assert caught.value.span is not None


def test_a_camera_is_not_read(feed_of):
    with pytest.raises(NetError, match="frames of a camera are not read") as caught:
        feed_of(video_layer("device_id: 0"))
    assert "video_file" in caught.value.hint
