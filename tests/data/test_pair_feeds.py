"""Images with maps of labels: their draws, crops and sizes held to numpy."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pair_layers import SIZES, layer, write_pairs

from protonet.diagnostics import NetError

MEANS = (104.25, 116.5, 122.75)


@pytest.fixture(autouse=True)
def pairs(tmp_path, monkeypatch):
    """Five images of five sizes with their labels, and a list of them, as (image, labels)."""
    monkeypatch.chdir(tmp_path)
    return write_pairs()


def mersenne(seed):
    """The numbers of 32 bits that boost's mt19937 gives."""
    twister = np.random.RandomState(seed)
    return lambda: int(twister.randint(0, 1 << 32, dtype=np.uint32))


def values(image, means=(0, 0, 0), scale=1.0):
    floats = image.astype(np.float32).transpose(2, 0, 1)
    return (floats - np.array(means, np.float32)[:, None, None]) * np.float32(scale)


def check(feed, wanted, batches=1):
    for _ in range(batches):
        batch = next(feed)
        for row in range(len(batch["data"])):
            image, labels = next(wanted)
            np.testing.assert_array_equal(batch["label"][row, 0], labels)
            np.testing.assert_array_equal(batch["data"][row], image)


def deeplab(pairs, draw, side, factors=(), ignore=255):
    """TransformImgAndSeg in TRAIN, in its order of draws, padding whole numbers apart."""
    while True:
        for pair in pairs:
            image, labels = pair
            mirror = draw() % 2
            factor = factors[draw() % len(factors)] if factors else 1
            size = tuple(int(np.float32(n) * np.float32(factor)) for n in labels.shape)
            if factor != 1:
                image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
                rows = (np.arange(size[0]) / size[0] * labels.shape[0]).astype(int)
                columns = (np.arange(size[1]) / size[1] * labels.shape[1]).astype(int)
                labels = labels[rows][:, columns]
            more = [(0, max(0, side - n)) for n in size]
            floats = np.pad(values(image, MEANS, 0.5), [(0, 0), *more])
            labels = np.pad(labels, more, constant_values=ignore)
            top = draw() % (labels.shape[0] - side + 1)
            left = draw() % (labels.shape[1] - side + 1)
            cut = np.s_[..., top : top + side, left : left + side]
            step = -1 if mirror else 1
            yield floats[cut][..., ::step], labels[cut][..., ::step]


TRAIN = f"mirror: true scale: 0.5 mean_value: {list(MEANS)} "


@pytest.mark.parametrize("side", [28, 38, 64])
def test_deeplab_crops_and_pads(feed_of, pairs, side):
    source = layer("ImageSegData", "batch_size: 3 label_type: PIXEL", f"{TRAIN} crop_size: {side}")
    main = mersenne(7)
    main()  # the transformer's first seed, of the set-up
    check(feed_of(source, "TRAIN", seed=7), deeplab(pairs, mersenne(main()), side), 6)


def test_deeplab_scales(feed_of, pairs):
    factors = (0.5, 0.75, 1, 1.25, 1.5)
    transform = f"{TRAIN} crop_height: 40 crop_width: 40 scale_factors: {list(factors)}"
    source = layer("ImageSegData", "batch_size: 2 label_type: PIXEL ignore_label: 9", transform)
    main = mersenne(3)
    main()
    wanted = deeplab(pairs, mersenne(main()), 40, factors, 9)
    check(feed_of(source, "TRAIN", seed=3), wanted, 8)


def test_deeplab_in_test_takes_the_centre_and_tells_the_sizes(feed_of, pairs):
    transform = f"mean_value: {list(MEANS)} crop_size: 36"
    source = layer("ImageSegData", "batch_size: 5 label_type: PIXEL", transform, "data label dim")
    batch = next(feed_of(source))
    for row, (image, labels) in enumerate(pairs):
        top, left = max(0, labels.shape[0] - 36) // 2, (labels.shape[1] - 36) // 2
        cut = np.s_[top : top + 36, left : left + 36]
        height = len(labels[cut])
        np.testing.assert_array_equal(batch["label"][row, 0, :height], labels[cut])
        np.testing.assert_array_equal(batch["data"][row, :, :height], values(image[cut], MEANS))
        assert (batch["label"][row, 0, height:] == 255).all()
        assert not batch["data"][row, :, height:].any()
        assert batch["dim"][row].ravel().tolist() == [min(36, n) for n in labels.shape]


def test_labels_of_whole_images_and_of_none(feed_of):
    Path("list.txt").write_text("i0.png 7\n\ni3.png\t2\n")
    fields = "batch_size: 2 new_height: 8 new_width: 8"
    batch = next(feed_of(layer("ImageSegData", f"{fields} label_type: IMAGE")))
    assert [set(labels.ravel().tolist()) for labels in batch["label"]] == [{7}, {2}]
    batch = next(feed_of(layer("ImageSegData", f"{fields} label_type: NONE ignore_label: 3")))
    assert (batch["label"] == 3).all()
    assert batch["label"].shape == (2, 1, 8, 8)


def test_labels_are_resized_to_the_nearest(feed_of, pairs):
    source = layer("ImageSegData", "batch_size: 5 label_type: PIXEL new_height: 16 new_width: 12")
    batch = next(feed_of(source))
    for row, (image, labels) in enumerate(pairs):
        rows, columns = (np.arange(n) * m // n for n, m in zip((16, 12), labels.shape, strict=True))
        np.testing.assert_array_equal(batch["label"][row, 0], labels[rows][:, columns])
        np.testing.assert_array_equal(batch["data"][row], values(cv2.resize(image, (12, 16))))


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_segnet_mirrors_and_crops_in_both_phases(feed_of, pairs, phase):
    fields = "batch_size: 2 mirror: true crop_height: 24 crop_width: 30"
    feed = feed_of(layer("DenseImageData", fields, "mean_value: [1, 2, 3]"), phase, seed=11)
    draw = mersenne(mersenne(11)())

    def wanted():
        while True:
            for pair in pairs:
                step = -1 if draw() % 2 else 1
                image, labels = (one[:, ::step] for one in pair)
                top = draw() % (labels.shape[0] - 24 + 1)
                left = draw() % (labels.shape[1] - 30 + 1)
                cut = np.s_[top : top + 24, left : left + 30]
                yield values(image[cut], (1, 2, 3)), labels[cut]

    check(feed, wanted(), 6)


def test_enet_divides_the_labels(feed_of, pairs):
    fields = "batch_size: 2 new_height: 24 new_width: 32 label_divide_factor: 8"
    batch = next(feed_of(layer("DenseImageData", fields)))
    assert (batch["data"].shape, batch["label"].shape) == ((2, 3, 24, 32), (2, 1, 3, 4))
    for row in range(2):
        image, labels = pairs[row]
        rows, columns = (np.arange(n) * m // n for n, m in zip((3, 4), labels.shape, strict=True))
        np.testing.assert_array_equal(batch["label"][row, 0], labels[rows][:, columns])
        np.testing.assert_array_equal(batch["data"][row], values(cv2.resize(image, (32, 24))))


def test_images_of_their_own_sizes_one_a_batch(feed_of):
    feed = feed_of(layer("DenseImageData", "batch_size: 1 shuffle: true"), "TRAIN", seed=1)
    sizes = {next(feed)["label"].shape[2:] for _ in range(5)}
    assert sizes == set(SIZES)


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_hed_reads_edges(feed_of, pairs, phase):
    random = np.random.RandomState(4)
    edges = [random.randint(0, 256, labels.shape).astype(np.uint8) for _, labels in pairs]
    for number, one in enumerate(edges):
        cv2.imwrite(f"m{number}.png", one)
    source = layer("ImageLabelmapData", "batch_size: 2", "mirror: true crop_size: 20 scale: 0.5")
    main = mersenne(8)
    main()
    draw = mersenne(main())

    def wanted():
        while True:
            for (image, _), edge in zip(pairs, edges, strict=True):
                step = -1 if draw() % 2 else 1
                top, left = draw() % (edge.shape[0] - 19), draw() % (edge.shape[1] - 19)
                cut = np.s_[top : top + 20, left : left + 20]
                found = np.rint(edge[cut] / 255)[:, ::step]
                yield values(image[cut][:, ::step], scale=0.5), found

    check(feed_of(source, phase, seed=8), wanted(), 6)


@pytest.mark.parametrize("balance", [False, True])
def test_segdata_scales_to_a_multiple_of_the_stride(feed_of, pairs, balance):
    for number, (_, labels) in enumerate(pairs[:3]):
        labels[8:] = 0
        cv2.imwrite(f"m{number}.png", labels)
    transform = "mirror: true scale_ratios: 0.8 scale_ratios: 1.2 stride: 8 upper_size: 24"
    source = layer("SegData", f"balance: {str(balance).lower()}", transform)
    feed = feed_of(source, "TRAIN", seed=5)
    main = mersenne(5)
    main()
    draw = mersenne(main())

    def once(image, labels, mirror, scale, down, across):
        low, high = np.float32(0.8), np.float32(1.2)
        steps = int(float(high - low) * 1000)
        ratio = np.float32(scale % (steps + 1) / 1000 + float(low))
        size = [int(float(np.float32(n) * ratio) + 0.5) for n in labels.shape]
        image = cv2.resize(image, size[::-1])
        labels = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
        cut = [min(24, n // 8 * 8) for n in size]
        top, left = down % (size[0] - cut[0] + 1), across % (size[1] - cut[1] + 1)
        part = np.s_[top : top + cut[0], left : left + cut[1]]
        step = -1 if mirror % 2 else 1
        return image[part][:, ::step], labels[part][:, ::step]

    def wanted():
        tries = 11 if balance else 1
        while True:
            for image, labels in pairs:
                numbers = [[draw() for _ in range(4)] for _ in range(tries)]
                for own in numbers:
                    found = once(image, labels, *own)
                    if np.bincount(found[1].ravel()).max() <= 0.8 * found[1].size:
                        break
                yield values(found[0]), found[1]

    check(feed, wanted(), 10)


def test_segdata_shuffles_by_the_forks_own_seed(feed_of):
    source = layer("SegData", "shuffle: true", "upper_size: 32")
    one, other = (feed_of(source, "TRAIN", seed=seed) for seed in (1, 2))
    heights = [[next(feed)["label"].shape for _ in range(5)] for feed in (one, other)]
    assert heights[0] == heights[1]


@pytest.mark.parametrize(
    "source",
    [
        layer(
            "ImageSegData", "batch_size: 2 label_type: PIXEL shuffle: true", TRAIN + "crop_size: 30"
        ),
        layer(
            "DenseImageData", "batch_size: 2 mirror: true shuffle: true new_height: 9 new_width: 9"
        ),
        layer("SegData", "shuffle: true", "mirror: true scale_ratios: [0.9, 1.1] stride: 2"),
    ],
    ids=["ImageSegData", "DenseImageData", "SegData"],
)
def test_a_position_is_taken_up_again(feed_of, source):
    feed = feed_of(source, "TRAIN", seed=2)
    for _ in range(4):
        next(feed)
    state = json.loads(json.dumps(feed.state()))
    other = feed_of(source, "TRAIN", seed=99)
    other.restore(state)
    for _ in range(7):
        wanted, got = next(feed), next(other)
        for top in wanted:
            np.testing.assert_array_equal(got[top], wanted[top])


def test_ranks_share_one_shuffled_order(feed_of):
    source = layer("DenseImageData", "batch_size: 1 shuffle: true")
    alone = feed_of(source, "TRAIN", seed=2)
    ranks = [feed_of(source, "TRAIN", seed=2, rank=rank, world=2) for rank in range(2)]
    for number in range(8):
        np.testing.assert_array_equal(next(alone)["label"], next(ranks[number % 2])["label"])


WINDOWS = [(4, 3, 20, 25), (-5, -2, 30, 20), (10, 8, 60, 70), (-3, -4, 40, 50), (0, 0, 39, 39)]


def windowed(image, labels, box, size):
    """What WindowSegDataLayer cuts out: black and ignored outside of the image."""
    left, top, right, bottom = box
    big = np.zeros((200, 200, 3), np.uint8)
    its = np.full((200, 200), 255, np.uint8)
    big[50 : 50 + labels.shape[0], 50 : 50 + labels.shape[1]] = image
    its[50 : 50 + labels.shape[0], 50 : 50 + labels.shape[1]] = labels
    cut = np.s_[50 + top : 51 + bottom, 50 + left : 51 + right]
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, its[cut].shape, strict=True))
    return cv2.resize(big[cut].copy(), size[::-1]), its[cut][rows][:, columns]


def test_deconvnets_windows(feed_of, pairs):
    lines = [f"i{n}.png m{n}.png {' '.join(map(str, box))}" for n, box in enumerate(WINDOWS)]
    Path("list.txt").write_text("\n".join(lines))
    fields = "batch_size: 5 label_type: PIXEL new_height: 16 new_width: 12"
    feed = feed_of(layer("WindowSegData", fields, TRAIN, "data label dim"), "TRAIN", seed=5)
    main = mersenne(5)
    main()
    draw = mersenne(main())
    for _ in range(3):
        batch = next(feed)
        for row, (pair, box) in enumerate(zip(pairs, WINDOWS, strict=True)):
            image, labels = windowed(*pair, box, (16, 12))
            step = -1 if draw() % 2 else 1
            np.testing.assert_array_equal(batch["label"][row, 0], labels[:, ::step])
            wanted = values(image, MEANS, 0.5)[..., ::step]
            np.testing.assert_array_equal(batch["data"][row], wanted)
        assert batch["dim"].reshape(5, 2).tolist() == [[16, 12]] * 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("i0.png m0.png 1 2 3", "the line has 5 words, not 6"),
        ("i0.png m0.png 1 2 x 4", "'x' is no whole number, and stands where a side"),
        ("i0.png m0.png 5 2 4 4", "the window 5 2 4 4 has nothing in it"),
        ("i0.png m0.png 0 0 1000000000 1000000000", "with the window 0 0 1000000000"),
    ],
)
def test_windows_that_are_none(feed_of, line, words):
    Path("list.txt").write_text(line)
    with pytest.raises(NetError, match=words):
        feed_of(layer("WindowSegData", "batch_size: 1 label_type: PIXEL"))
