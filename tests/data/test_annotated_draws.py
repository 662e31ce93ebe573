"""What is drawn: the distributions by their moments, the forks' other samplers by numpy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from protonet.data.detection.boxes import Boxes
from protonet.data.detection.distortion import draw_distortion
from protonet.data.detection.expansion import draw_expansion
from protonet.data.detection.samplers import BatchSampler
from protonet.data.detection.stream import Stream
from protonet.data.random import Random
from protonet.diagnostics import NetError
from protonet.schema.pool import message
from tests.data.annotated_records import layer, pictures, record, text, write
from tests.data.annotated_reference import F, Twister, box_of, coverage

SIZED = {"height": 20, "width": 24}
COUNT = 4000
NO_BOXES = Boxes(
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros((0, 4), np.float32),
    np.zeros(0, np.bool_),
    np.zeros(0, np.float32),
)


def near(values, mean, deviation):
    """Whether a sample has these moments, within five of its own standard errors."""
    values = np.asarray(values, np.float64)
    assert abs(values.mean() - mean) < 5 * deviation / math.sqrt(len(values))
    assert values.std() == pytest.approx(deviation, rel=0.06)


def uniform(low, high):
    return (low + high) / 2, (high - low) / math.sqrt(12)


def test_windows_have_the_scale_and_the_place_that_are_asked_for():
    p = message("BatchSampler")
    p.sampler.min_scale, p.sampler.max_scale = 0.3, 0.6
    p.sampler.min_aspect_ratio, p.sampler.max_aspect_ratio = 0.8, 1.25
    p.max_trials = COUNT
    windows = np.array(BatchSampler.of(p).windows(Stream(1), NO_BOXES, lambda: (1, 1)))
    assert windows.shape == (COUNT, 4)
    extent = windows[:, 2:] - windows[:, :2]
    near(np.sqrt(extent.prod(1)), *uniform(0.3, 0.6))
    near(extent[:, 0] / extent[:, 1], *uniform(0.8, 1.25))
    for side in (0, 1):
        near(windows[:, side] / (1 - extent[:, side]), *uniform(0, 1))


def test_distortions_come_as_often_and_as_far_as_stated():
    p = message("DistortionParameter")
    p.brightness_prob, p.brightness_delta, p.random_order_prob = 0.3, 32, 0.2
    p.contrast_prob, p.contrast_lower, p.contrast_upper = 0.5, 0.5, 1.5
    p.hue_prob, p.hue_delta = 0.7, 18
    p.saturation_prob, p.saturation_lower, p.saturation_upper = 0.9, 0.25, 4
    stream, orders = Stream(3), Random(4)
    drawn = [draw_distortion(p, stream, orders) for _ in range(COUNT)]
    ranges = {"brightness": (0.3, -32, 32), "contrast": (0.5, 0.5, 1.5)}
    ranges |= {"hue": (0.7, -18, 18), "saturation": (0.9, 0.25, 4)}
    for kind, (often, low, high) in ranges.items():
        amounts = [c.amount for changes in drawn for c in changes if c.kind == kind]
        near(np.arange(COUNT) < len(amounts), often, math.sqrt(often * (1 - often)))
        near(amounts, *uniform(low, high))
    orders = [c.order for changes in drawn for c in changes if c.kind == "order"]
    assert len(set(orders)) == 6
    near([order[0] for order in orders], 1, math.sqrt(2 / 3))
    both = [[c.kind for c in changes] for changes in drawn]
    both = [kinds for kinds in both if {"contrast", "hue"} <= set(kinds)]
    near([kinds.index("contrast") < kinds.index("hue") for kinds in both], 0.5, 0.5)


def test_canvases_are_as_large_and_the_image_anywhere_on_them():
    p, stream = message("ExpansionParameter"), Stream(5)
    p.prob, p.max_expand_ratio = 0.4, 3
    drawn = [draw_expansion(p, stream, 1000, 800) for _ in range(COUNT)]
    made = [one for one in drawn if one is not None]
    near([one is not None for one in drawn], 0.4, math.sqrt(0.24))
    near([one.height / 1000 for one in made], *uniform(1, 3))
    near([one.top / (one.height - 1000) for one in made if one.height > 1100], *uniform(0, 1))
    near([one.left / (one.width - 800) for one in made if one.width > 900], *uniform(0, 1))


def test_half_of_the_images_are_mirrored_and_each_way_of_resizing_comes(
    tmp_path, monkeypatch, feed_of
):
    monkeypatch.chdir(tmp_path)
    (image, found), *_ = pictures(1)
    write("db", [record(image, found)])
    ways = {"LINEAR": 1, "NEAREST": 0, "CUBIC": 2}
    resize = {"height": 9, "width": 11, "interp_mode": list(ways)}
    feed = feed_of(layer({"mirror": True, "resize_param": resize}, batch=200), "TRAIN", seed=8)
    kinds = [cv2.resize(image, (11, 9), interpolation=way) for way in ways.values()]
    kinds += [kind[:, ::-1] for kind in kinds]
    kinds = [kind.transpose(2, 0, 1) for kind in kinds]
    counts = np.zeros(6)
    for _ in range(3):
        for shown in next(feed)["data"]:
            counts += [bool((shown == kind).all()) for kind in kinds]
    assert counts.sum() == 600
    assert (np.abs(counts - 100) < 5 * math.sqrt(600 / 6 * 5 / 6)).all()


def test_a_stream_that_was_looked_into_gives_the_same_numbers():
    stream, twister = Stream(9), Twister(9)
    for ahead in (1, 700, 3, 5000, 2):
        peeked = stream.peek(ahead).tolist()
        assert peeked[0] == twister.rand()
        assert stream.draw() == peeked[0]
        assert stream.uniform(0.25, 0.5) == twister.uniform(0.25, 0.5)
        assert stream.uniform(1, 1) == twister.uniform(1, 1)
        assert stream.weighted([0.2, 0.2, 0.6]) == twister.die([0.2, 0.2, 0.6])


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = [(image, found) for image, found in pictures() if found]
    write("db", [record(image, found) for image, found in made])
    return made


def jittered(twister, amount, keeps):
    """GenerateJitterSamples of MobileNet-YOLO's fork."""
    change = twister.die([0.2, 0.2, 0.6])
    if not change:
        return box_of(0, 0, 1, 1)
    used = F(amount) / F(2) if change == 1 else F(amount)
    width = twister.uniform(F(1) - used, 1)
    height = width if keeps else twister.uniform(F(1) - used, 1)
    left, top = twister.uniform(0, F(1) - width), twister.uniform(0, F(1) - height)
    return box_of(left, top, left + width, top + height)


def edges(twister, boxes):
    """GenerateJitterSamples of yuqj1991's fork."""
    left, right, top, bottom = (twister.uniform(-0.1, 0.1) for _ in range(4))
    width, height = F(1) - left - right, F(1) - top - bottom
    window = box_of(left, top, left + width, top + height)
    good = any(coverage(box, window) >= F(0.85) for box in boxes)
    return window if good else box_of(0, 0, 1, 1)


def anchored(twister, boxes, anchors, size, net, least):
    """GenerateDataAnchorSample of yuqj1991's fork, up to four times."""
    high, wide = size
    for _ in range(4):
        box = boxes[twister.rand() % len(boxes)]
        x1, y1 = box["x1"] * F(wide), box["y1"] * F(high)
        x2, y2 = box["x2"] * F(wide), box["y2"] * F(high)
        width, height = x2 - x1, y2 - y1
        area = float(height * width)
        reach = 0
        for j in range(len(anchors) - 1):
            if anchors[j] ** 2 <= area < anchors[j + 1] ** 2:
                reach = j + 1
        if area > anchors[-2] ** 2:
            reach = len(anchors) - 2
        chosen = twister.rand() % reach if reach else 0
        low, top = anchors[chosen] // 2, float(anchors[chosen] * 2)
        if chosen == reach:
            top = min(top, 2 * math.sqrt(area))
        wanted = twister.uniform(min(low, top), max(low, top))
        side = min(F(math.sqrt(area)) * F(net / float(wanted)), F(10000))
        if side >= max(high, wide):
            left = twister.uniform(min(F(wide) - side, 0), max(F(wide) - side, 0))
            up = twister.uniform(min(F(high) - side, 0), max(F(high) - side, 0))
        else:
            up = twister.uniform(*sorted((y1 + height - side, y1)))
            left = twister.uniform(*sorted((x1 + width - side, x1)))
        window = box_of(left / wide, up / high, (left + side) / wide, (up + side) / high)
        if any(coverage(one, window) >= F(least) for one in boxes):
            return window
    return box_of(0, 0, 1, 1)


def cut_out(image, window, clips):
    """The pixels of a window, black beyond the image."""
    high, wide = image.shape[:2]
    scale = {"x1": F(wide), "x2": F(wide), "y1": F(high), "y2": F(high)}
    if clips:
        window = {key: min(max(value, F(0)), F(1)) for key, value in window.items()}
    x1, y1, x2, y2 = (window[key] * scale[key] for key in ("x1", "y1", "x2", "y2"))
    if clips:
        return image[int(y1) : int(y1) + int(y2 - y1), int(x1) : int(x1) + int(x2 - x1)]
    canvas = np.zeros((int(y2 - y1), int(x2 - x1), 3), np.uint8)
    start = [max(F(0), x1), max(F(0), y1)]
    end = [min(x1 + (x2 - x1) - F(1), F(wide)), min(y1 + (y2 - y1) - F(1), F(high))]
    across, down = int(end[0] - start[0]), int(end[1] - start[1])
    left, top = int(max(-x1, F(0))), int(max(-y1, F(0)))
    part = image[int(start[1]) : int(start[1]) + down, int(start[0]) : int(start[0]) + across]
    canvas[top : top + down, left : left + across] = part
    return canvas


ANCHORS = [4, 8, 16, 32]
OTHERS = {
    "yolo": ({"yolo_data_jitter": 0.3}, True, lambda t, _i, _b: jittered(t, 0.3, False)),
    "edges": ({"crop_type": "CROP_JITTER"}, True, lambda t, _i, b: edges(t, b)),
    "anchors": (
        {
            "crop_type": "CROP_ANCHOR",
            "data_anchor_sampler": {
                "scale": ANCHORS,
                "max_trials": 4,
                "max_sample": 1,
                "sample_constraint": {"min_object_coverage": 0.6},
            },
        },
        False,
        lambda t, i, b: anchored(t, b, ANCHORS, i.shape[:2], 20, 0.6),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_windows_of_other_forks(database, feed_of, name):
    """Each image is what numpy cuts out of the window that was drawn for it."""
    fields, clips, window_of = OTHERS[name]
    feed = feed_of(layer({"resize_param": SIZED}, batch=1, **fields), "TRAIN", seed=11)
    main = Twister(11)
    main.rand()
    twister = Twister(main.rand())
    for number in range(20):
        image, found = database[number % len(database)]
        window = window_of(twister, image, found)
        twister.rand()  # which of the one window
        part = cv2.resize(cut_out(image, window, clips), (24, 20))
        batch = next(feed)
        np.testing.assert_array_equal(batch["data"][0], part.transpose(2, 0, 1))
        inside = batch["label"][0, 0]
        assert ((inside[:, 3:7] >= 0) & (inside[:, 3:7] <= 1) | (inside[:, :1] < 0)).all()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"data_anchor_sampler": {"scale": 8}}, "without a crop_type does nothing"),
        ({"data_anchor_sampler": {}, "crop_type": "CROP_ANCHOR"}, "needs a scale"),
        ({"crop_type": "CROP_GT_BBOX"}, "without a bbox_sampler does nothing"),
        ({"difficult_label_warmup": True}, "goes by the solver's iteration"),
        ({"yolo_data_type": 7}, "yolo_data_type is 0 or 1, not 7"),
        ({"yolo_data_jitter": 1.5}, "yolo_data_jitter is from 0 to below 1"),
    ],
)
def test_fields_of_forks_that_go_nowhere(feed_of, fields, words):
    with pytest.raises(NetError, match=words) as caught:
        feed_of(layer({"resize_param": SIZED}, **fields))
    assert caught.value.span is not None


@pytest.mark.usefixtures("database")
def test_labels_for_yolo_are_a_table_an_image(feed_of):
    fields = {"yolo_data_type": 1, "yolo_data_jitter": 0.0}
    feed = feed_of(layer({"resize_param": SIZED}, batch=2, **fields))
    plain = feed_of(layer({"resize_param": SIZED}, batch=2))
    some = feed_of(layer({"resize_param": SIZED}, batch=2, **fields, train_diffcult=False))
    assert feed.shapes == {"data": (2, 3, 20, 24), "label": (2, 1, 300, 5)}
    for _ in range(3):
        rows = next(plain)["label"][0, 0]
        for found, keeps in ((next(feed), True), (next(some), False)):
            for image in range(2):
                mine = rows[(rows[:, 0] == image) & (keeps | (rows[:, 7] == 0))]
                wanted = np.zeros((300, 5), np.float32)
                wanted[: len(mine), 0] = mine[:, 1] - 1
                wanted[: len(mine), 1:3] = (mine[:, 3:5] + mine[:, 5:7]) / 2
                wanted[: len(mine), 3:5] = mine[:, 5:7] - mine[:, 3:5]
                np.testing.assert_allclose(found["label"][image, 0], wanted, atol=1e-6)


def masks(count):
    generator = np.random.RandomState(3)
    return [
        generator.randint(0, 4, (46 - 2 * n, 33 + 3 * n)).astype(np.uint8) for n in range(count)
    ]


LABELS = """
item { name: "sky" label_id: 0 } item { name: "car" label_id: 1 }
item { name: "bus" label_id: 1 } item { name: "man" label_id: 2 }
"""


@pytest.mark.parametrize("single", [True, False])
def test_a_third_top_has_the_classes_of_the_pixels(database, feed_of, single):
    """With a jitter, masks are cut as the images are, and mirrored with them."""
    drawn = [mask * (85 if single else 1) for mask in masks(len(database))]
    found = [
        record(image, boxes, kind=1, seg_label=cv2.imencode(".png", mask)[1].tobytes())
        for (image, boxes), mask in zip(database, drawn, strict=True)
    ]
    write("seg", found)
    with open("map.prototxt", "w") as file:
        file.write(LABELS)
    fields = {"single_class": single, "label_map_file": "map.prototxt", "seg_scales": 4}
    transform = {"mirror": True, "resize_param": SIZED}
    feed = feed_of(layer(transform, batch=1, tops=3, source="seg", **fields), "TRAIN", seed=2)
    assert feed.shapes["mask"] == (1, 1 if single else 2, 5, 6)
    main = Twister(2)
    main.rand()
    main.rand()
    own, twister = Twister(main.rand()), Twister(main.rand())
    for number in range(9):
        mask = drawn[number % len(drawn)]
        window = jittered(twister, 0.3, False)
        twister.rand()
        mirror = own.rand() % 2
        own.rand()
        part = cut_out(mask, window, True)
        planes = [part] if single else [np.isin(part, (1, 2)) * 255, (part == 3) * 255]
        planes = [cv2.resize(plane.astype(np.uint8), (6, 5)) for plane in planes]
        planes = [np.where(p > 100, 255, 0) if single else p for p in planes]
        wanted = np.stack([p[:, ::-1] if mirror else p for p in planes]) / 255
        np.testing.assert_allclose(next(feed)["mask"][0], wanted, atol=1e-6)


@pytest.mark.usefixtures("database")
def test_sizes_change_at_every_tenth_batch(feed_of):
    sizes = [{"height": 8, "width": 8, "prob": 0.25}, {"height": 16, "width": 12, "prob": 0.75}]
    feed = feed_of(layer({"resize_param": sizes}, batch=1), seed=4)
    shapes = [next(feed)["data"].shape[2:] for _ in range(400)]
    tens = [set(shapes[start : start + 10]) for start in range(0, 400, 10)]
    assert all(len(ten) == 1 for ten in tens)
    assert 20 <= sum(ten == {(16, 12)} for ten in tens) <= 38


def test_text_of_fields():
    """What builds these layers writes numbers, words, lists and messages."""
    assert text({"a": [1, 2.5], "b": {"c": True}, "d": "x", "e": "WARP"}) == (
        'a: 1 a: 2.5 b { c: true } d: "x" e: WARP'
    )


@pytest.mark.parametrize(
    "wrong", [{"at": -1}, {"at": 1 << 40}, {"random": {"key": "", "position": 0}}]
)
def test_places_where_no_stream_stood(wrong):
    stream = Stream(1)
    stream.draw()
    state = stream.mark().state()
    numbers = stream.peek(3).tolist()
    with pytest.raises(ValueError, match=r"stand"):
        stream.go_to({**state, **wrong})
    stream.go_to(state)
    assert stream.peek(3).tolist() == numbers
