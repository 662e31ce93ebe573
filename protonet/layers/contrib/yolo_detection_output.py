"""YoloDetectionOutput: the boxes that YOLOv2 finds, of the MobileNet-YOLO fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.boxes import best_boxes, box_iou, nms
from protonet.program import Builder, Expr, number, single, torch


@register("YoloDetectionOutput")
class YoloDetectionOutput(Layer):
    """Decode a map, or two, and keep the best boxes, each with its best class.

    Maps (n, num_box * (5 + classes), h, w) of offsets, objectness and scores, to (1, 1, found, 7)
    with rows of 0, label + 1, score, x1, y1, x2, y2. How many there are follows from the data,
    where shapes say 1; where nothing is found there is a row of -1 for each image. The images of a
    batch count as one, so give one at a time. No gradient; label_map_file is for a reader.
    Source: YoloDetectionOutputLayer of eric612's MobileNet-YOLO.
    """

    param = "yolo_detection_output_param"
    bottoms = (1, 2)
    grows = 2
    ignores = ("label_map_file",)
    examples = (
        Example(
            'layer { name: "l" type: "YoloDetectionOutput" bottom: "x" top: "y" '
            "yolo_detection_output_param { num_classes: 2 num_box: 1 biases: 1.5 biases: 2 } }",
            {"x": (1, 7, 1, 1)},
            {"y": (1, 1, 1, 7)},
            "y = yolo_detections([x], 2, [(1.5, 2)])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        if p.coords != 4:
            raise LayerError(f"a box has 4 coords, not {p.coords}", "coords")
        if len(p.biases) < 2 * p.num_box:
            what = f"{p.num_box} boxes take {2 * p.num_box} biases, not {len(p.biases)}"
            raise LayerError(what, *["biases"] * self.has("biases"))
        channels = p.num_box * (5 + p.num_classes)
        for index, x in enumerate(bottoms):
            if len(x) != 4 or x[1] != channels:
                what = f"{p.num_box} boxes of {p.num_classes} classes take {channels} channels"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        return ((1, 1, 1, 7),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, best_boxes):
            b.helper(helper)
        biases = [number(v) for v in self.p.biases[: 2 * self.p.num_box]]
        return b.call(
            yolo_detections,
            list(bottoms),
            self.p.num_classes,
            list(zip(biases[::2], biases[1::2], strict=True)),
            threshold=single(self.p.confidence_threshold),
            nms_threshold=single(self.p.nms_threshold),
        )


def yolo_detections(
    maps: list[torch.Tensor],
    classes: int,
    anchors: list[tuple[float, float]],
    threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> torch.Tensor:
    """Rows of 0, label + 1, score and corners of the boxes found, (1, 1, n, 7)."""
    rows = []
    for each in maps:
        n, _, height, width = each.shape
        x = each.detach().reshape(n, len(anchors), 5 + classes, height, width)
        x = x.permute(0, 3, 4, 1, 2)
        y = torch.arange(height, device=x.device)
        z = torch.arange(width, device=x.device)
        y, z = torch.meshgrid(y, z, indexing="ij")
        side = x.new_tensor([width, height])
        place = torch.stack([z, y], 2)[:, :, None]
        center = (x[..., :2].sigmoid() + place) / side
        half = x[..., 2:4].exp() * x.new_tensor(anchors) / side / 2
        score, label = x[..., 5:].softmax(4).max(4, keepdim=True)
        score = score * x[..., 4:5].sigmoid()
        row = torch.cat([label + 1, score, center - half, center + half], 4)
        rows.append(row[score[..., 0] >= threshold])
    return best_boxes(torch.cat(rows), nms_threshold, len(maps[0]))
