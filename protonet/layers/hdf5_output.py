"""HDF5Output: blobs that Caffe writes to a file."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, check_legacy, register
from protonet.program import Builder, Expr


@register("HDF5Output")
class HDF5Output(Layer):
    """Take data and labels out of the net; a module has no file, so it computes nothing.

    Name the bottoms as outputs to get them. Source: Caffe's HDF5OutputLayer.
    """

    param = "hdf5_output_param"
    bottoms = (2, 2)
    keeps = ()
    tops = (0, 0)
    examples = (
        Example(
            'layer { name: "l" type: "HDF5Output" bottom: "x" bottom: "t" '
            'hdf5_output_param { file_name: "out.h5" } }',
            {"x": (2, 3), "t": (2,), "y": (2, 3)},
            {},
            "return y",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not self.p.file_name:
            raise LayerError("it has no file_name", hint="give hdf5_output_param { file_name }")
        check_legacy(bottoms)
        data, labels = ((*shape, 1)[0] for shape in bottoms)
        if data != labels:
            raise LayerError(
                f"the batch size is {data} in the first bottom, {labels} here", "bottom", 1
            )
        return ()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        return ()
