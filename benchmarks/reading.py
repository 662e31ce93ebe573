"""How fast batches are read, against OpenCV alone, and how long a training waits for them."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import lmdb
import numpy as np
import torch

import protonet
from protonet.schema.blobs import write_binaryproto
from protonet.schema.pool import message_class

BOX = Path(__file__).parent.parent / "zoo_prototxt" / "data"
IMAGES, BATCH, ROUNDS = 200, 20, 5
LAYER = f"""
layer {{
  name: "data" type: "Data" top: "data" top: "label"
  transform_param {{ crop_size: 227 mirror: true mean_file: "mean.binaryproto" }}
  data_param {{ source: "jpegs" backend: LMDB batch_size: {BATCH} }}
}}
"""


def photograph(generator: np.random.RandomState, size: int = 256) -> np.ndarray:
    """An image with the spectrum of a photograph, whose JPEG is as large as a real one's."""
    frequency = np.fft.fftfreq(size)
    radius = np.hypot(frequency[:, None], frequency)
    radius[0, 0] = 1
    planes = []
    for _ in range(4):
        spectrum = np.fft.fft2(generator.randn(size, size)) / radius**1.3
        plane = np.fft.ifft2(spectrum).real
        planes.append(plane / plane.std())
    colors = np.stack([planes[0] + 0.3 * plane for plane in planes[1:]], -1)
    return np.clip(128 + 45 * colors, 0, 255).astype(np.uint8)


@contextmanager
def jpegs():
    """A working directory with an LMDB of 256x256 JPEGs and a mean file; the bytes of one."""
    generator = np.random.RandomState(0)
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files = [cv2.imencode(".jpg", photograph(generator))[1] for _ in range(IMAGES)]
        opened = lmdb.open("jpegs", map_size=1 << 28)
        with opened as environment, environment.begin(write=True) as transaction:
            for number, file in enumerate(files):
                record = message_class("Datum")(data=file.tobytes(), label=number % 10)
                record.encoded = True
                transaction.put(b"%08d" % number, record.SerializeToString())
        write_binaryproto("mean.binaryproto", generator.rand(1, 3, 256, 256).astype("f4") * 128)
        try:
            yield files
        finally:
            os.chdir(before)


def cpu(work) -> float:
    """Seconds of all cores together, which other processes on the machine change least.

    Both ends wait until no thread is at work, so that what is read ahead counts where it is done.
    """
    start = at_rest()
    work()
    return at_rest() - start


def at_rest() -> float:
    """The processor time used once it stands still."""
    used = time.process_time()
    while True:
        time.sleep(0.05)
        before, used = used, time.process_time()
        if used - before < 0.002:
            return used


def on_threads(work, files, threads):
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [files[i::threads] for i in range(threads)]))


def decode(files):
    for file in files:
        cv2.imdecode(file, cv2.IMREAD_COLOR)


def by_hand(mean):
    """The plain way to the same batches: OpenCV, and numpy an image at a time."""

    def work(files):
        generator = np.random.default_rng(0)
        batch = np.empty((len(files), 3, 227, 227), np.float32)
        for row, file in enumerate(files):
            image = cv2.imdecode(file, cv2.IMREAD_COLOR).astype(np.float32).transpose(2, 0, 1)
            image = image - mean
            top, left = generator.integers(30, size=2)
            image = image[:, top : top + 227, left : left + 227]
            batch[row] = image[:, :, ::-1] if generator.integers(2) else image

    return work


class Images(torch.utils.data.Dataset):
    """The same images one by one, for torch's DataLoader."""

    def __init__(self, files, mean):
        self.files, self.mean = files, mean

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        cv2.setNumThreads(1)
        image = cv2.imdecode(self.files[index], cv2.IMREAD_COLOR).astype(np.float32)
        image = image.transpose(2, 0, 1) - self.mean
        top, left = torch.randint(30, (2,)).tolist()
        image = image[:, top : top + 227, left : left + 227]
        image = image[:, :, ::-1] if torch.randint(2, ()) else image
        return torch.from_numpy(np.ascontiguousarray(image)), index % 10


def against_loader():
    """Both on all cores, by the clock, in turn: torch's DataLoader with as many processes."""
    threads = len(os.sched_getaffinity(0))
    cv2.setNumThreads(1)
    with jpegs() as files, protonet.batches(LAYER, workers=threads, seed=1) as batches:
        images = Images(files * 2, np.full((3, 256, 256), 120, np.float32))
        loader = torch.utils.data.DataLoader(
            images, BATCH, shuffle=True, num_workers=threads, persistent_workers=True
        )

        def ours():
            for _ in range(len(images) // BATCH):
                next(batches)

        def theirs():
            for _ in loader:
                pass

        def bare():
            on_threads(decode, images.files, threads)

        runs = {"ours": ours, "theirs": theirs, "bare": bare}
        times = {name: [] for name in runs}
        for _ in range(ROUNDS + 1):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
    a, b, c = (len(images) / min(found[1:]) for found in times.values())
    medians = [statistics.median(found[1:]) for found in times.values()]
    yield (
        f"the same by the clock on {threads} cores, against torch's DataLoader with OpenCV",
        f"{a / b:.2f} × ({a:,.0f} /s, {b:,.0f} /s; medians {medians[1] / medians[0]:.2f} ×)",
        "≥ 1 ×",
    )
    yield (
        "the same, against bare decoding by OpenCV on as many threads",
        f"{a / c:.2f} × ({a:,.0f} /s, {c:,.0f} /s; medians {medians[2] / medians[0]:.2f} ×)",
        "≥ 0.9 ×",
    )


def reading():
    yield from against_decoding()
    yield from against_loader()


def against_decoding():
    threads = len(os.sched_getaffinity(0))
    cv2.setNumThreads(1)
    with jpegs() as files, protonet.batches(LAYER, workers=threads, seed=1) as batches:
        size = sum(len(file) for file in files) / len(files) / 1000

        def ours():
            for _ in range(IMAGES // BATCH):
                next(batches)

        hand = by_hand(np.full((3, 256, 256), 120, np.float32))
        for _ in range(2):
            ours()
        rows = []
        for _ in range(ROUNDS):
            a, b = cpu(ours), cpu(lambda: on_threads(decode, files, threads))
            c = cpu(lambda: on_threads(hand, files, threads))
            rows.append((a, b, c))
    a, b, c = (1e6 * statistics.median(column) / IMAGES for column in zip(*rows, strict=True))
    alone = statistics.median(row[1] / row[0] for row in rows)
    plain = statistics.median(row[2] / row[0] for row in rows)
    what = f"encoded LMDB, 256x256 JPEGs of {size:.0f} kB, crop 227, mirror, mean file"
    yield (
        f"{what}: images a second of a core against OpenCV decoding alone",
        f"{alone:.2f} × ({1e6 / a:,.0f} /s, {1e6 / b:,.0f} /s)",
        "≥ 1 ×",
    )
    yield (
        "the same against OpenCV and numpy by hand",
        f"{plain:.2f} × ({1e6 / a:,.0f} /s, {1e6 / c:,.0f} /s)",
        "",
    )


def waiting():
    yield from _lenet()
    yield from _alexnet_with_jpegs()


def _lenet():
    net = protonet.compile(LENET, phase="TRAIN", shapes={"data": (64, 1, 28, 28), "label": (64,)})
    layer = (
        'layer { name: "mnist" type: "Data" top: "data" top: "label" transform_param '
        f'{{ scale: 0.00390625 }} data_param {{ source: "{BOX / "mnist_train_lmdb"}" '
        "backend: LMDB batch_size: 64 } }"
    )
    waited, total = _train(net, layer, 300)
    yield (
        "training LeNet, batch 64, raw LMDB: share of the time spent waiting for a batch",
        f"{waited / total:.2%} ({1e6 * waited / 300:.0f} µs of {1e3 * total / 300:.1f} ms a step)",
        "< 1 %",
    )


def _alexnet_with_jpegs():
    path = Path(__file__).parent.parent / "zoo_prototxt" / "alexnet" / "train_val.prototxt"
    shapes = {"data": (BATCH // 4, 3, 227, 227), "label": (BATCH // 4,)}
    net = protonet.compile(path, phase="TRAIN", shapes=shapes)
    with jpegs():
        layer = LAYER.replace(f"batch_size: {BATCH}", f"batch_size: {BATCH // 4}")
        waited, total = _train(net, layer, 8)
    yield (
        f"training AlexNet, batch {BATCH // 4}, encoded LMDB: the same",
        f"{waited / total:.2%} ({1e6 * waited / 8:.0f} µs of {1e3 * total / 8:,.0f} ms a step)",
        "< 1 %",
    )


def _train(net, layer: str, steps: int) -> tuple[float, float]:
    """Seconds spent waiting for batches, and in all, over so many steps after a few."""
    optimizer = torch.optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
    waited = start = 0.0
    with protonet.batches(layer, seed=1) as batches:
        for step in range(-3, steps):
            if step == 0:
                waited, start = 0.0, time.perf_counter()
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            optimizer.zero_grad()
            net(**batch)["objective"].backward()
            optimizer.step()
            del batch  # giving its memory back is no waiting
    return waited, time.perf_counter() - start


LENET = """
layer { name: "in" type: "Input" top: "data" top: "label"
        input_param { shape { dim: 64 dim: 1 dim: 28 dim: 28 } shape { dim: 64 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
        convolution_param { num_output: 20 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
        convolution_param { num_output: 50 kernel_size: 5 weight_filler { type: "xavier" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1"
        inner_product_param { num_output: 500 weight_filler { type: "xavier" } } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2"
        inner_product_param { num_output: 10 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
