"""What is exported is loaded by OpenCV, and gives there what torch gives.

The OpenCV of the development environment is 4. For OpenCV 5 PROTONET_OPENCV5 names a Python that
has it: `python -m venv cv5 && cv5/bin/pip install numpy "opencv-python-headless>=5"`, then
`PROTONET_OPENCV5=cv5/bin/python python -m pytest tests/exporting/test_opencv.py`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from trial import fill, scored

import protonet
from protonet.api import graph

pytest.importorskip("onnx")
cv2 = pytest.importorskip("cv2")

ZOO = Path(__file__).parent.parent.parent / "zoo_prototxt"
OPENCV5 = os.environ.get("PROTONET_OPENCV5", "")
SSD = """
name: "ssd"
input: "data" input_shape { dim: 1 dim: 3 dim: 48 dim: 48 }
layer { name: "c1" type: "Convolution" bottom: "data" top: "c1"
  convolution_param { num_output: 12 kernel_size: 5 stride: 4 pad: 2 } }
layer { name: "relu" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "norm" type: "Normalize" bottom: "c1" top: "norm"
  norm_param { across_spatial: false } }
layer { name: "loc" type: "Convolution" bottom: "norm" top: "loc"
  convolution_param { num_output: 12 kernel_size: 3 pad: 1 } }
layer { name: "loc_p" type: "Permute" bottom: "loc" top: "loc_p"
  permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_f" type: "Flatten" bottom: "loc_p" top: "loc_f" }
layer { name: "conf" type: "Convolution" bottom: "norm" top: "conf"
  convolution_param { num_output: 9 kernel_size: 3 pad: 1 } }
layer { name: "conf_p" type: "Permute" bottom: "conf" top: "conf_p"
  permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_r" type: "Reshape" bottom: "conf_p" top: "conf_r"
  reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "conf_s" type: "Softmax" bottom: "conf_r" top: "conf_s" softmax_param { axis: 2 } }
layer { name: "conf_f" type: "Flatten" bottom: "conf_s" top: "conf_f" }
layer { name: "prior" type: "PriorBox" bottom: "norm" bottom: "data" top: "prior" prior_box_param {
  min_size: 10 aspect_ratio: 2 flip: true
  variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_f" bottom: "conf_f" bottom: "prior"
  top: "out"
  detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 20
    confidence_threshold: 0.3 nms_param { nms_threshold: 0.45 top_k: 60 } } }
"""
PADS = """
input: "data" input_shape { dim: 1 dim: 8 dim: 14 dim: 13 }
layer { name: "point" type: "Convolution" bottom: "data" top: "point"
  convolution_param { num_output: 8 kernel_size: 1 pad: 1 } }
layer { name: "average" type: "Pooling" bottom: "point" top: "average"
  pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 } }
layer { name: "up" type: "Pooling" bottom: "average" top: "up"
  pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "most" type: "Pooling" bottom: "average" top: "most"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "wide" type: "Convolution" bottom: "point" top: "wide"
  convolution_param { num_output: 8 group: 8 kernel_size: 3 pad: 1 dilation: 2 } }
layer { name: "large" type: "Deconvolution" bottom: "most" top: "large"
  convolution_param { num_output: 8 group: 8 kernel_size: 4 stride: 2 pad: 1 } }
"""
NETS = {
    "pads": (PADS, {}),
    "lenet": (ZOO / "lenet" / "deploy.prototxt", {"batch": 1}),
    "resnet20": (ZOO / "resnet20_cifar" / "deploy.prototxt", {"batch": 1}),
    "ssd": (SSD, {}),
}


def made(name, folder, **options):
    """A net's file, an input, and what torch makes of it."""
    source, shape = NETS[name]
    net = protonet.compile(source)
    fill(net)
    blobs = scored(source)
    protonet.export(net, folder / "net.onnx", outputs=blobs, **shape, **options)
    size = (1, *graph(source).inputs[0].shape[1:])
    x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    whole = protonet.compile(source, outputs=blobs)
    whole.load_state_dict(net.state_dict())
    with torch.no_grad():
        expected = {blob: value.numpy() for blob, value in whole(torch.from_numpy(x)).items()}
    return x, expected


def close(found, expected):
    for blob, right in expected.items():
        assert found[blob].shape == right.shape, blob
        bound = 1e-4 * np.abs(right).max()
        np.testing.assert_allclose(found[blob], right, rtol=1e-4, atol=bound, err_msg=blob)


@pytest.mark.parametrize("name", sorted(NETS))
def test_opencv_4_gives_what_torch_gives(name, tmp_path):
    if not cv2.__version__.startswith("4."):
        pytest.skip(f"OpenCV is {cv2.__version__}")
    x, expected = made(name, tmp_path, runtime="opencv4")
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "net.onnx"))
    net.setInput(x, "data")
    blobs = list(expected)
    found = dict(zip(blobs, net.forward(blobs), strict=True))
    if "out" in found:  # OpenCV 4 gives the boxes in an order of its own
        assert found["out"].shape[2] > 3
        found["out"], expected["out"] = ordered(found["out"]), ordered(expected["out"])
    close(found, expected)


def ordered(rows):
    """Rows of boxes by image, class and falling score."""
    flat = rows.reshape(-1, 7)
    return flat[np.lexsort((-flat[:, 2], flat[:, 1], flat[:, 0]))]


@pytest.mark.skipif(not OPENCV5, reason="PROTONET_OPENCV5 names no Python with OpenCV 5")
@pytest.mark.parametrize("name", sorted(NETS))
def test_opencv_5_gives_what_torch_gives(name, tmp_path):
    x, expected = made(name, tmp_path)
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, cv2, numpy as np\n"
        "assert cv2.__version__.startswith('5.'), cv2.__version__\n"
        "net = cv2.dnn.readNetFromONNX('net.onnx')\n"
        "net.setInput(np.load('x.npy'), 'data')\n"
        "np.savez('out.npz', **dict(zip(sys.argv[1:], net.forward(sys.argv[1:]))))\n"
    )
    command = [os.path.abspath(OPENCV5), "-c", program, *expected]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    close(np.load(tmp_path / "out.npz"), expected)
