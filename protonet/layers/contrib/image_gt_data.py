"""ImageGtData: images with their truth as maps and as boxes, of the MS-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown
from protonet.layers.label_maps import label_maps


@register("ImageGtData")
class ImageGtData(Layer):
    """Batches of images of a window file, cropped around an object, with their truth.

    To images (n, 3, h, w), for each downsample_rate a map (n, 6, h / rate, w / rate) of label,
    middle x, middle y, width, height and overlap, and with output_gt_boxes boxes (m, 7, 1, 1) of
    image, x1, y1, x2, y2, label, ignored; m follows from the data, where shapes say 1.
    Source: ImageGtDataLayer of zhaoweicai's mscnn.
    """

    param = "image_gt_data_param"
    bottoms = (0, 0)
    tops = (2, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "ImageGtData" top: "data" top: "truth" top: "boxes" '
            'image_gt_data_param { source: "w" batch_size: 2 resize_width: 128 resize_height: 96 '
            "crop_width: 64 crop_height: 48 downsample_rate: 8 field_w: 40 field_h: 40 "
            "output_gt_boxes: true } }",
            {},
            {"data": (2, 3, 48, 64), "truth": (2, 6, 6, 8), "boxes": (1, 7, 1, 1)},
            "def forward(self, data, truth, boxes):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, sizes = self.p, []
        if not p.downsample_rate:
            raise LayerError("it needs a downsample_rate")
        resized, cropped = (
            all(self.has(f"{kind}_{side}") for side in ("width", "height"))
            for kind in ("resize", "crop")
        )
        for side in ("height", "width"):
            whole = getattr(p, f"resize_{side}") if resized else 0
            cut = getattr(p, f"crop_{side}") if cropped else 0
            if resized and cut > whole:
                what = f"crop_{side} {cut} is more than resize_{side} {whole}"
                raise LayerError(what, f"crop_{side}")
            if not cut and not whole:
                why = "neither resize_width and resize_height nor a crop state the images' size"
                raise unknown(self.message, why)
            sizes.append(cut or whole)
        shapes = label_maps(self, (sizes[0], sizes[1]), "downsample_rate", 7)
        for rate, shape in zip(p.downsample_rate, shapes[1:], strict=False):
            if shape[2:] != (sizes[0] // rate, sizes[1] // rate):
                what = f"maps of {sizes[0]}x{sizes[1]} by {rate} are rounded up, which the fork "
                raise LayerError(what + "refuses", "downsample_rate")
        return shapes
