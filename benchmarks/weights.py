"""A 244 MB caffemodel in and out: time beside numpy, protobuf and OpenCV; peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import google.protobuf
import numpy as np
import safetensors

import protonet
from protonet.api import graph
from protonet.schema.pool import message_class
from protonet.weights.caffemodel import write_caffemodel
from protonet.weights.convert import wanted

DEPLOY = Path(__file__).parent.parent / "zoo_prototxt" / "alexnet" / "deploy.prototxt"
ROUNDS = 9
VERSIONS = f"numpy {np.__version__}, safetensors {safetensors.__version__}"
TITLE = f"A caffemodel of AlexNet, 244 MB; {VERSIONS}:"
# What a fresh process needs beyond its imports, in units of the file.
PEAK = """
import os, re
import numpy as np

def peak():
    with open("/proc/self/status") as file:
        return int(re.search(r"VmHWM:\\s+(\\d+)", file.read()).group(1)) * 1024

{setup}
before = peak()
{work}
print((peak() - before) / os.path.getsize({path!r}))
"""


def seconds(work):
    start = time.perf_counter()
    result = work()
    took = time.perf_counter() - start
    del result
    return took


def together(works, rounds=ROUNDS):
    """The median time of each, and of its ratio to the first; all run in turn."""
    for work in works:
        work()
    rows = [[seconds(work) for work in works] for _ in range(rounds)]
    columns = list(zip(*rows, strict=True))
    medians = [statistics.median(column) for column in columns]
    ratios = [
        statistics.median(t / base for t, base in zip(column, columns[0], strict=True))
        for column in columns
    ]
    return medians, ratios


def peak(path, setup, work):
    code = PEAK.format(setup=setup, work=work, path=str(path))
    return statistics.median(
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
        for _ in range(3)
    )


def protobuf_way(path):
    """What is written everywhere: parse, then one array a blob."""
    net = message_class("NetParameter").FromString(path.read_bytes())
    return [np.array(b.data, np.float32).reshape(b.shape.dim) for x in net.layer for b in x.blobs]


def synced(array, path):
    """Copy and write as many bytes, on the disk at the end as ours are."""
    with open(path, "wb") as file:
        array.copy().tofile(file)
        file.flush()
        os.fsync(file.fileno())


def reading(path, flat_path):
    net = protonet.compile(DEPLOY)
    works = [
        lambda: np.fromfile(flat_path, np.float32).copy(),
        lambda: protonet.read_blobs(path),
        lambda: protonet.load_weights(net, path),
    ]
    medians, ratios = together(works)
    yield "read, against numpy's read and copy", shown(1, medians, ratios), "≤ 2 ×"
    yield "load into the module, against the same", shown(2, medians, ratios), "≤ 2 ×"
    others = [
        works[0],
        lambda: protobuf_way(path),
        lambda: cv2.dnn.readNetFromCaffe(str(DEPLOY), str(path)),
    ]
    medians, ratios = together(others, 3)
    what = f"read with protobuf {google.protobuf.__version__} alone, against the same"
    yield what, shown(1, medians, ratios), "—"
    yield f"OpenCV {cv2.__version__}'s importer, against the same", shown(2, medians, ratios), "—"


def memory(path):
    net, file = str(DEPLOY), str(path)
    read = f"r.read_blobs({file!r})"
    setup = "import protonet.weights.read as r, protonet.weights.caffemodel as c"
    yield "peak memory of reading", shown_peak(path, setup, f"blobs = {read}")
    rewrite = f"c.write_caffemodel({file + '.2'!r}, net, {read})"
    setup += f"; from protonet.api import graph; net = graph({net!r}).definition"
    yield "peak memory of reading and writing", shown_peak(path, setup, rewrite)
    setup = "import protonet, torch, protonet.weights.mapping, protonet.runtime.module"
    work = f"net = protonet.compile({net!r}, weights={file!r})"
    yield "peak memory of making the module and loading it", shown_peak(path, setup, work)


def shown_peak(path, setup, work):
    return f"{peak(path, setup, work):.2f} × the file"


def shown(index, medians, ratios):
    took, base = (f"{t * 1000:.0f} ms" for t in (medians[index], medians[0]))
    return f"{ratios[index]:.2f} × ({took}, {base})"


def rows():
    net = graph(DEPLOY)
    draw = np.random.default_rng(0)
    blobs = {
        name: [draw.standard_normal(p.shape, np.float32) for p in places]
        for name, places in wanted(net).items()
        if places
    }
    with tempfile.TemporaryDirectory() as folder:
        path, flat_path = Path(folder) / "alexnet.caffemodel", Path(folder) / "flat.bin"
        flat = np.concatenate([a.ravel() for arrays in blobs.values() for a in arrays])
        synced(flat, flat_path)
        works = [
            lambda: synced(flat, flat_path),
            lambda: write_caffemodel(path, net.definition, blobs),
        ]
        medians, ratios = together(works, 5)
        yield "write, against numpy's copy and write", shown(1, medians, ratios), "≤ 2 ×"
        yield from reading(path, flat_path)
        for what, measured in memory(path):
            yield what, measured, "≤ 2.3 ×"


if __name__ == "__main__":
    for row in rows():
        print("| " + " | ".join(row) + " |", flush=True)
