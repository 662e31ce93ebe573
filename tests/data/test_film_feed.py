"""VideoData of one video file: frames in their order, resized, cropped, to the last."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from video_layers import HEIGHT, WIDTH, means, mersenne

from protonet.diagnostics import NetError

FRAMES = 10


@pytest.fixture(autouse=True)
def film(tmp_path, monkeypatch):
    """The frames of film.avi, as OpenCV reads them one after the other."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(5)
    writer = cv2.VideoWriter("film.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    for _ in range(FRAMES):
        writer.write(random.randint(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8))
    writer.release()
    capture = cv2.VideoCapture("film.avi")
    return np.stack([capture.read()[1] for _ in range(FRAMES)])


def layer(fields="", transform="", batch=3, film="film.avi"):
    return (
        'layer { name: "d" type: "VideoData" top: "data" top: "label" '
        f"data_param {{ batch_size: {batch} }} transform_param {{ {transform} }} "
        f'video_data_param {{ video_type: VIDEO video_file: "{film}" {fields} }} }}'
    )


RESIZE = "resize_param { prob: 1 resize_mode: WARP height: 20 width: 24 interp_mode: LINEAR }"


def test_frames_in_their_order_to_the_last(feed_of, film):
    feed = feed_of(layer(transform=f"mean_value: [104, 117, 123] scale: 0.5 {RESIZE}"))
    assert feed.shapes == {"data": (3, 3, 20, 24), "label": (3,)}
    for start in (0, 3, 6):
        batch = next(feed)
        for row, frame in enumerate(film[start : start + 3]):
            wanted = means(cv2.resize(frame, (24, 20)).transpose(2, 0, 1), (104, 117, 123), 0.5)
            np.testing.assert_array_equal(batch["data"][row], wanted)
        assert not batch["label"].any()
    with pytest.raises(
        NetError, match=r"all 10 frames of the video 'film.avi' were taken"
    ) as caught:
        next(feed)
    assert "test_iter" in caught.value.hint
    assert caught.value.span


def test_frames_that_are_left_out(feed_of, film):
    feed = feed_of(layer("skip_frames: 2", batch=3))
    batch = next(feed)
    np.testing.assert_array_equal(batch["data"], film[[2, 5, 8]].transpose(0, 3, 1, 2))
    with pytest.raises(NetError, match="all 10 frames"):
        next(feed)


def test_mirrors_and_crops_are_drawn_twice_a_frame(feed_of, film):
    feed = feed_of(layer(transform="mirror: true crop_size: 16", batch=5), "TRAIN", seed=4)
    main = mersenne(4)
    main()
    draw = mersenne(main())
    for start in (0, 5):
        batch = next(feed)
        for row, frame in enumerate(film[start : start + 5]):
            *_, mirror, top, left = (draw() for _ in range(6))
            top, left = top % (HEIGHT - 16 + 1), left % (WIDTH - 16 + 1)
            wanted = frame[top : top + 16, left : left + 16].transpose(2, 0, 1)
            np.testing.assert_array_equal(
                batch["data"][row], wanted[..., :: -1 if mirror % 2 else 1]
            )


def test_it_goes_on_where_it_was(feed_of):
    source = layer(transform="mirror: true", batch=2)
    feed = feed_of(source, seed=1)
    next(feed)
    state = json.loads(json.dumps(feed.state()))
    wanted = [next(feed)["data"] for _ in range(2)]
    other = feed_of(source, seed=2)
    other.restore(state)
    for data in wanted:
        np.testing.assert_array_equal(next(other)["data"], data)


@pytest.mark.parametrize(
    ("fields", "transform", "words"),
    [
        ("shuffle: true", "", "shuffle belongs to a fork"),
        ("", "crop_size: 31", "smaller than the crop"),
        ("", "expand_param { prob: 1 max_expand_ratio: 2 }", "expand_param belongs to a fork"),
        ("", f"{RESIZE} {RESIZE}", "it takes one resize_param, not 2"),
    ],
)
def test_what_it_refuses(feed_of, fields, transform, words):
    with pytest.raises(NetError, match=words) as caught:
        feed_of(layer(fields, transform))
    assert caught.value.span


def test_files_that_are_no_videos(feed_of, tmp_path):
    (tmp_path / "net.txt").write_text("no video")
    with pytest.raises(NetError, match=r"'net\.txt' can't be taken: OpenCV can't open"):
        feed_of(layer(film="net.txt"))
    with pytest.raises(NetError, match=r"there is no file or folder 'none\.avi'"):
        feed_of(layer(film="none.avi"))
