"""Large ONNX files: memory while they are written, and the most that one can hold."""

from __future__ import annotations

import tracemalloc

import pytest

import protonet
from protonet import NetError
from protonet.exporting import write

pytest.importorskip("onnx")
LARGE = """
input: "data" input_shape { dim: 1 dim: 2000 }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
  inner_product_param { num_output: 3000 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b"
  inner_product_param { num_output: 3000 } }
"""


def test_the_weights_are_written_from_where_they_are(tmp_path):
    """The numbers of a file are in no second place in memory while it is written."""
    net = protonet.compile(LARGE)
    protonet.export(net, tmp_path / "net.onnx", outputs=["a"], check=False)  # what is imported
    tracemalloc.start()
    protonet.export(net, tmp_path / "net.onnx", check=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "net.onnx").stat().st_size > 60_000_000
    assert peak < 40_000_000


@pytest.mark.parametrize(
    "limit, options",
    [(60_000_000, {}), (30_000_000, {"precision": "fp16"}), (24_000_000, {"outputs": ["a"]})],
    ids=["whole", "half", "a part"],
)
def test_more_than_one_file_can_hold_is_told(limit, options, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "LIMIT", limit)
    with pytest.raises(NetError, match=rf"bytes or more, and ONNX takes {limit} in one file"):
        protonet.export(LARGE, tmp_path / "net.onnx", check=False, **options)
    assert list(tmp_path.iterdir()) == []
