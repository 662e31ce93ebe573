"""CPMData: batches of people with maps of their joints, of CMU's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.batch import unknown


@register("CPMData")
class CpmData(Layer):
    """Batches of images, and of maps of where joints and limbs are, with their weights.

    To (n, c, h, w) and (n, 2 (num_parts + 1), h / stride, w / stride); c, the image and its masks,
    is the database's, and so are h and w in testing. It is not read here: images of one's own go
    into the net. Source: CPMDataLayer of CMU's caffe_train, and of yuqj1991's.
    """

    param = "cpm_transform_param"
    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "CPMData" top: "data" top: "label" '
            'data_param { source: "db" batch_size: 2 } '
            "cpm_transform_param { stride: 8 num_parts: 3 } }",
            {},
            {"data": (2, 6, 32, 48), "label": (2, 8, 4, 6)},
            "def forward(self, data, label):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        if not self.p.stride:
            raise LayerError("stride must be positive, it is 0", "stride")
        if self.p.crop_size:
            what = f"with crop_size {self.p.crop_size} the fork makes no batch"
            raise LayerError(what, "crop_size", hint="state crop_size_x and crop_size_y")
        raise unknown(self.message, "how many channels an image has, its database tells")

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        maps, stride = 2 * (self.p.num_parts + 1), max(1, self.p.stride)
        label = (data[0], maps, *(n // stride for n in data[2:]))
        return (data, label)[: len(self.message.top)]
