"""Nets and files with weights, written by google.protobuf and h5py rather than by protonet."""

from __future__ import annotations

import numpy as np

from protonet.schema.pool import message_class

NET = """
name: "small"
layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } } }
layer { name: "c/1" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "c" top: "c" }
layer { name: "sc" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "f" type: "InnerProduct" bottom: "c" top: "f"
        inner_product_param { num_output: 2 transpose: true } }
"""


def random_blobs(dtype=np.float32, factor=999.982):
    draw = np.random.default_rng(0)

    def blob(*shape):
        return draw.normal(size=shape).astype(dtype)

    return {
        "c/1": [blob(4, 3, 3, 3), blob(4)],
        "bn": [blob(4) * 900, np.abs(blob(4)) * 900, np.array([factor], dtype)],
        "sc": [blob(4), blob(4)],
        "f": [blob(36, 2), blob(2)],
    }


def fill(proto, array, legacy=False):
    """Put an array into a BlobProto, element by element."""
    if legacy:
        shape = (1,) * (4 - array.ndim) + array.shape
        proto.num, proto.channels, proto.height, proto.width = shape
    else:
        proto.shape.dim.extend(array.shape)
    field = proto.double_data if array.dtype == np.float64 else proto.data
    field.extend(array.reshape(-1).tolist())


def caffemodel(blobs, form="V2"):
    """The bytes of a NetParameter with these blobs, in one of the three forms of the format."""
    net = message_class("NetParameter")(name="small")
    for name, arrays in blobs.items():
        layer = net.layer.add() if form == "V2" else net.layers.add()
        layer.top.append("t")
        if form == "V0":
            layer = layer.layer
        layer.name = name
        if form == "V1":
            layer.type = 4
        else:
            layer.type = "conv" if form == "V0" else "Convolution"
        for array in arrays:
            fill(layer.blobs.add(), array, legacy=form != "V2")
    return net.SerializeToString()


def same(given, wanted):
    """Equal to the bit, in shape and in type."""
    assert list(given) == list(wanted)
    for layer, arrays in wanted.items():
        assert len(given[layer]) == len(arrays), layer
        for a, b in zip(given[layer], arrays, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), layer
            assert a.tobytes() == b.tobytes(), layer
