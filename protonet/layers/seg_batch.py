"""What the data layers for images with maps of labels say of their shapes."""

from __future__ import annotations

from protonet.layers.base import Layer, LayerError, Shape
from protonet.layers.batch import unknown


class SegBatch(Layer):
    """Images (n, c, h, w), maps of labels (n, 1, h, w) and sizes (n, 1, 1, 2), up to three tops."""

    param = "image_data_param"
    bottoms = (0, 0)
    tops = (1, 3)
    is_data = True

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform, batch = self.message.transform_param, self.p.batch_size
        if batch < 1:
            raise LayerError("batch_size must be positive, it is 0", "batch_size")
        sizes = (
            (transform.crop_size,) * 2,
            (transform.crop_height, transform.crop_width),
            (self.p.new_height, self.p.new_width),
        )
        size = next((size for size in sizes if all(size)), None)
        if size is None:
            raise unknown(self.message, "neither crop_size nor new_height and new_width state it")
        shapes = (batch, 3 if self.p.is_color else 1, *size), (batch, 1, *size), (batch, 1, 1, 2)
        return shapes[: len(self.message.top)]

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        shapes = data, (data[0], 1, *data[2:]), (data[0], 1, 1, 2)
        return shapes[: len(self.message.top)]
