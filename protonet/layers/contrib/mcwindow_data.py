"""MCWindowData: windows of images and of their masks, of deepsaldet's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register


@register("MCWindowData")
class MCWindowData(Layer):
    """Batches of windows, of what masks show there, and of the windows' classes.

    To (n, 3, crop, crop), masks (n, m, mask_crop, mask_crop), and labels (n, 1, 1, 1). m is as many
    as the list names for each image, which shapes take for 1 unless one is given. The list is not
    read. Source: MCWindowDataLayer of Robert0812's deepsaldet.
    """

    param = "mcwindow_data_param"
    bottoms = (0, 0)
    tops = (3, 3)
    is_data = True
    examples = (
        Example(
            'layer { name: "l" type: "MCWindowData" top: "data" top: "mask" top: "label" '
            'mcwindow_data_param { source: "w" batch_size: 4 crop_size: 8 mask_crop_size: 6 } }',
            {},
            {"data": (4, 3, 8, 8), "mask": (4, 1, 6, 6), "label": (4, 1, 1, 1)},
            "def forward(self, data, mask, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("batch_size", "crop_size", "mask_crop_size")
        if self.p.crop_mode not in ("warp", "square"):
            what = f"crop_mode is warp or square, not {self.p.crop_mode!r}"
            raise LayerError(what, "crop_mode")
        n, crop, side = self.p.batch_size, self.p.crop_size, self.p.mask_crop_size
        return (n, 3, crop, crop), (n, 1, side, side), (n, 1, 1, 1)
