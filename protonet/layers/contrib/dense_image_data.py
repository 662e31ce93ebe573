"""DenseImageData: batches of images, each with an image of labels, from a list of files."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("DenseImageData")
class DenseImageData(Layer):
    """Batches of images and of images of labels.

    To (n, c, h, w) and (n, 1, h, w), the labels smaller by label_divide_factor (ENet's fork), with
    which there is no crop. Source: SegNet's Caffe fork, DenseImageDataLayer.
    """

    param = "dense_image_data_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "DenseImageData" top: "data" top: "label" '
            'dense_image_data_param { source: "train.txt" batch_size: 4 '
            "new_height: 36 new_width: 48 } }",
            {},
            {"data": (4, 3, 36, 48), "label": (4, 1, 36, 48)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        for field in ("batch_size", "label_divide_factor"):
            if getattr(p, field) < 1:
                stated = (field,) if self.has(field) else ()
                raise LayerError(f"{field} must be positive, it is 0", *stated)
        cropped = p.crop_height and p.crop_width
        if cropped and p.label_divide_factor > 1:
            what = f"label_divide_factor {p.label_divide_factor} and a crop are both given"
            hint = "the crop would cut as much from the smaller labels: take one of them out"
            raise LayerError(what, "label_divide_factor", hint=hint)
        size = (p.crop_height, p.crop_width) if cropped else (p.new_height, p.new_width)
        if not all(size):
            why = "neither crop_height and crop_width nor new_height and new_width state it"
            raise unknown(self.message, why)
        small = (n // p.label_divide_factor for n in size)
        shapes = (p.batch_size, 3 if p.is_color else 1, *size), (p.batch_size, 1, *small)
        return shapes[: len(self.message.top)]

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        factor = max(1, self.p.label_divide_factor)
        shapes = data, (data[0], 1, *(n // factor for n in data[2:]))
        return shapes[: len(self.message.top)]
