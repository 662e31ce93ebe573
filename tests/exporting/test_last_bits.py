"""Layers that decide by the last bit: a trial compares what they read, then what is made of it."""

from __future__ import annotations

import numpy as np
import pytest

from protonet.exporting.check import check_onnx
from protonet.exporting.compare import expected
from protonet.exporting.options import ExportOptions
from protonet.exporting.source import from_definition
from protonet.selection import Selection

UNPOOLED = """
input: "x" input_shape { dim: 1 dim: 1 dim: 2 dim: 2 }
layer { name: "twice" type: "Power" bottom: "x" top: "t" power_param { scale: 2 } }
layer { name: "p" type: "Pooling" bottom: "t" top: "p" top: "at"
  pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "u" type: "Upsample" bottom: "p" bottom: "at" top: "u" upsample_param { scale: 2 } }
"""
CHOSEN = """
input: "x" input_shape { dim: 1 dim: 3 }
layer { name: "twice" type: "Power" bottom: "x" top: "t" power_param { scale: 2 } }
layer { name: "u" type: "ArgMax" bottom: "t" top: "u" }
"""


@pytest.mark.parametrize(
    "source, size, higher, right",
    [(UNPOOLED, (1, 1, 2, 2), 2, [0, 0, 2, 0]), (CHOSEN, (1, 3), 1, [1])],
    ids=["unpooled", "chosen"],
)
def test_a_tie_is_decided_as_in_the_file(source, size, higher, right):
    exported = from_definition(source, Selection.of(), ExportOptions.of())
    x = np.ones(size, np.float32)
    own = 2 * x
    own.reshape(-1)[higher] += 2e-7  # another order of additions
    alone = expected(exported, exported.module, {"x": x}, {})["u"]
    found = expected(exported, exported.module, {"x": x}, {"t": own})
    assert not np.allclose(alone.reshape(-1), right)
    np.testing.assert_allclose(found["u"].reshape(-1), right, rtol=1e-6)
    np.testing.assert_array_equal(found["t"], 2 * x)  # and that is compared, too


def test_what_is_meant_for_an_opencv_that_is_not_there_is_tried_in_onnxruntime(
    tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    cv2 = pytest.importorskip("cv2")
    from protonet.exporting.export import export_net

    monkeypatch.setattr(cv2, "__version__", "3.4")
    options = ExportOptions.of(runtime="opencv")
    exported = from_definition(CHOSEN, Selection.of(), options)
    written = export_net(exported, tmp_path / "net.onnx", options)
    assert written.checked.runtime.startswith("onnxruntime")
    checked = check_onnx(tmp_path / "net.onnx", exported, options)
    assert checked == written.checked
