"""HDF5Data: batches from HDF5 files."""

from __future__ import annotations

from protonet.layers.base import Layer, Shape, register
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

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        raise unknown(self.message, "only the HDF5 files would tell")
