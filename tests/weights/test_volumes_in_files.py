"""A caffemodel of C3D's first release, whose blobs have five axes and their numbers a field on."""

from __future__ import annotations

import numpy as np

import protonet
from protonet.schema.wire import to_varint

NET = """input: "x" input_shape { dim: 2 dim: 3 dim: 4 dim: 6 dim: 6 }
layer { name: "c" type: "Convolution3D" bottom: "x" top: "c"
  convolution3d_param { num_output: 5 kernel_size: 3 kernel_depth: 2 } }
layer { name: "f" type: "InnerProduct" bottom: "c" top: "f" inner_product_param { num_output: 7 } }
"""


def field(number, data):
    return to_varint(number << 3 | 2) + to_varint(len(data)) + data


def volume(values):
    """num, channels, length, height and width, then the numbers as the sixth field."""
    shape = (1,) * (5 - values.ndim) + values.shape
    axes = b"".join(to_varint(at << 3) + to_varint(n) for at, n in enumerate(shape, 1))
    return axes + field(6, values.astype("<f4").tobytes())


def test_its_blobs_are_read(tmp_path):
    random = np.random.RandomState(0)
    blobs = {
        "c": [random.rand(5, 3, 2, 3, 3).astype("f"), random.rand(5).astype("f")],
        "f": [random.rand(7, 5 * 3 * 4 * 4).astype("f"), random.rand(7).astype("f")],
    }
    layers = [
        field(4, name.encode()) + b"".join(field(6, volume(blob)) for blob in its)
        for name, its in blobs.items()
    ]
    path = tmp_path / "c3d.caffemodel"
    path.write_bytes(b"".join(field(2, layer) for layer in layers))
    net = protonet.compile(NET, weights=path)
    for name, its in protonet.dump_blobs(net).items():
        for got, wanted in zip(its, blobs[name], strict=True):
            np.testing.assert_array_equal(got, wanted)
