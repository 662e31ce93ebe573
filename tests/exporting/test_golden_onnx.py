"""Every net measured on real Caffe, as ONNX in onnxruntime; the zoo's nets beside their modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from trial import tried

import protonet
from protonet import NetError

pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::protonet.diagnostics.NetWarning"),
]

TESTS = Path(__file__).parent.parent
FOLDER = TESTS / "golden" / "layers"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())
ZOO = sorted((TESTS.parent / "zoo_prototxt").glob("*/deploy.prototxt"))


def blobs_of(data):
    """Caffe's parameters, {layer: [array, ...]}."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for key in data.files:
        if key.startswith("param/"):
            layer, index = key.removeprefix("param/").rsplit("/", 1)
            found.setdefault(layer, {})[int(index)] = data[key]
    return {layer: [blobs[i] for i in sorted(blobs)] for layer, blobs in found.items()}


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_onnxruntime_gives_caffes_numbers(name, tmp_path):
    data, path = np.load(FOLDER / f"{name}.npz"), tmp_path / "net.onnx"
    wanted = {key[4:]: data[key] for key in data.files if key.startswith("out/")}
    options = {"phase": MANIFEST[name]["phase"], "outputs": list(wanted)}
    source = FOLDER / f"{name}.prototxt"
    weights = blobs_of(data) or None
    try:
        protonet.export(source, path, weights=weights, **options)
    except NetError as error:
        if "draws at random" not in str(error):
            raise
        pytest.skip("it draws at random")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = session.run(None, {name: data[f"in/{name}"] for name in names})
    for (blob, right), own in zip(wanted.items(), found, strict=True):
        assert own.shape == right.shape
        np.testing.assert_allclose(own, right, rtol=1e-4, atol=1e-5, err_msg=blob)


@pytest.mark.parametrize("path", ZOO, ids=[path.parent.name for path in ZOO])
def test_the_zoo_is_equal_in_onnxruntime(path, tmp_path):
    found = tried(path.parent.name, path, tmp_path / "net.onnx", scores=True, batch="dynamic")
    assert found.error == ""
    assert found.difference < 1e-4
