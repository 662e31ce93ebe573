"""HDF5GeneralData: batches of named data sets of HDF5 files, of clothesDetection."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("HDF5GeneralData")
class HDF5GeneralData(Layer):
    """Batches of the data sets that ``field`` names, one for each top.

    Shapes are those of the files, batch_size rows of them; the caller gives them.
    Source: HDF5GeneralDataLayer of WilsonWangTHU's clothesDetection.
    """

    param = "hdf5_general_data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "HDF5GeneralData" top: "data" top: "label" '
            'hdf5_general_data_param { source: "f" batch_size: 4 field: "a" field: "b" } }',
            {},
            {"data": (4, 3, 8, 8), "label": (4,)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        fields, tops = len(self.p.field), len(self.message.top)
        if fields < tops:
            what = f"{tops} tops take as many field, not {fields}"
            raise LayerError(what, *["field"] * bool(fields))
        raise unknown(self.message, "only the HDF5 files would tell")
