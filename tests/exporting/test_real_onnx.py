"""Published nets with their weights: ONNX files give Caffe's numbers, as test_real has them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import protonet

sys.path.insert(0, str(Path(__file__).parent.parent))
from test_real import GOLDEN, NETS, close, is_there, unpacked

ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.skipif(not os.environ.get("PROTONET_REAL"), reason="see test_real.py")


@pytest.mark.parametrize("name", sorted(NETS))
def test_onnxruntime_gives_caffes_numbers(name, tmp_path):
    if not is_there(NETS[name][0]):
        pytest.skip(f"PROTONET_REAL names no folder with {NETS[name][0]}")
    prototxt, weights = unpacked(name, tmp_path)
    data = np.load(GOLDEN / f"{name}.npz")
    given = {key[3:]: data[key] for key in data.files if key.startswith("in/")}
    wanted = {key[4:]: data[key] for key in data.files if key.startswith("out/")}
    shapes = {blob: values.shape for blob, values in given.items()}
    path = tmp_path / "net.onnx"
    protonet.export(prototxt, path, weights=weights, shapes=shapes, outputs=list(wanted))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for blob, found in zip(wanted, session.run(list(wanted), given), strict=True):
        close(blob, found, wanted[blob], float(np.abs(wanted[blob]).max()))
