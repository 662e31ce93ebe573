"""BoxData: batches of images and their boxes, of the forks for YOLO and YOLOv2."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, ShapeUnknown, register
from protonet.layers.batch import batch_shapes, channels, transform_of, unknown


@register("BoxData")
class BoxData(Layer):
    """Batches of images from a database, and their true boxes for grids of the sides stated.

    To (n, c, h, w), and for each side a top that the forks make differently: YOLO's (n, side *
    side * 7) of difficult, object, class and box, YOLOv2's (n, 150) of 30 boxes. What reads it says
    which, where the database is there; else `--shape` gives both.
    Source: BoxDataLayer of yeahkun's caffe-yolo and of gklz1982's caffe-yolov2.
    """

    param = "data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "BoxData" top: "data" transform_param { crop_size: 8 } '
            'data_param { source: "db" batch_size: 4 side: 7 } }',
            {},
            {"data": (4, 3, 8, 8)},
            "def forward(self, data):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        transform, tops = transform_of(self), self.message.top
        sides = list(self.p.side) or [7]
        if len(tops) > 1 and len(tops) != 1 + len(sides):
            what = f"{len(sides)} sides take {len(sides)} tops behind the images"
            raise LayerError(f"{what}, not {len(tops) - 1}", "top")
        size = transform.crop_size
        if not size and len(tops) == 1:
            raise unknown(self.message, "no crop_size states the images' size")
        if len(tops) > 1:
            boxes = f"NxM for {tops[1]!r} where M is {sides[0] ** 2 * 7} (YOLO) or 150 (YOLOv2)"
            what = f"the shapes of {tops[0]!r} and {tops[1]!r} are not known: two forks differ"
            raise ShapeUnknown(what, hint=f"give `--shape` NxCxHxW for {tops[0]!r} and {boxes}")
        return batch_shapes(self, self.p.batch_size, (channels(transform), size, size))
