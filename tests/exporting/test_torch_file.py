"""Files for torch alone: opened by torch, they give what the net gives."""

from __future__ import annotations

import pytest
import torch
from trial import fill

import protonet
from protonet import NetError

MAP = """
input: "data" input_shape { dim: 4 dim: 3 dim: 12 dim: 16 }
layer { name: "c" type: "Convolution" bottom: "data" top: "c"
  convolution_param { num_output: 4 kernel_size: 3 pad: 1 } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "s" type: "Softmax" bottom: "c" top: "s" }
"""


def test_torchs_own_formats(tmp_path):
    net = protonet.compile(MAP)
    fill(net)
    x = torch.randn(2, 3, 12, 16)
    protonet.export(net, tmp_path / "net.pt2", batch="dynamic")
    protonet.export(net, tmp_path / "net.torchscript")
    with torch.no_grad():
        expected = net(x)
        loaded = torch.export.load(tmp_path / "net.pt2").module()
        torch.testing.assert_close(loaded(x), expected)
        with pytest.warns(DeprecationWarning, match="deprecated"):
            scripted = torch.jit.load(str(tmp_path / "net.torchscript"))
        torch.testing.assert_close(scripted(x), expected)


@pytest.mark.parametrize("suffix", ["pt2", "torchscript"])
def test_free_sizes_are_told(suffix, tmp_path):
    free = {"batch": "dynamic", "dynamic": ("height", "width")}
    written = protonet.export(MAP, tmp_path / f"net.{suffix}", **free)
    assert written.inputs == {"data": ("batch", 3, "height", "width")}
    assert written.outputs == {
        "p": ("batch", 4, None, None),
        "s": ("batch", 4, "height", "width"),
    }


@pytest.mark.parametrize("options", [{"opset": 17}, {"precision": "fp16"}, {"runtime": "opencv"}])
def test_what_is_onnxs_is_refused(options, tmp_path):
    with pytest.raises(NetError, match="ONNX's"):
        protonet.export(MAP, tmp_path / "net.pt2", **options)
    assert list(tmp_path.iterdir()) == []
