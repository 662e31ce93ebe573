"""HDF5Data: batches from HDF5 files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("HDF5Data")
class HDF5Data(Layer):
    """Batches of the data sets that are named like the tops.

    Shapes are those of the files, batch_size rows of them. Source: Caffe's HDF5DataLayer.
    """

    param = "hdf5_data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "HDF5Data" top: "data" top: "label" '
            'hdf5_data_param { source: "files.txt" batch_size: 4 } }',
            {},
            {"data": (4, 3, 8, 8), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if self.message.HasField("transform_param"):
            what = "it takes no transform_param, its data are as they lie in the files"
            raise LayerError(what, "transform_param")
        raise unknown(self.message, "only the HDF5 files would tell")
