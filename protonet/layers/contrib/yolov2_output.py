"""DetectionOutput of a fork for YOLOv2: the boxes that it finds in a map."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.boxes import box_iou, clipped_boxes
from protonet.layers.forks import PICTURES
from protonet.program import Builder, Expr, number, single, torch

_OF_SSD = {
    *("share_location", "background_label_id", "nms_param", "code_type", "keep_top_k"),
    *("variance_encoded_in_target", "objectness_score"),
}


@register("yolov2.DetectionOutput")
class Yolov2Output(Layer):
    """Decode the map of one image and keep each box that none before it covers.

    A map (1, num_box * (5 + classes), side, side) of offsets, objectness and scores, to
    (1, 1, found, 7) with rows of 0, class from 0, score, center x, y, width and height in units of
    the image. Boxes go by their places, row by row and by anchor, not by their scores, and one
    goes where it overlaps any kept before, of whatever class, by nms_threshold or more, clipped to
    the image. How many there are follows from the data, where shapes say 1; where nothing is found
    there is one row of 0 and -1. No gradient; label_map_file is for a reader.
    Source: DetectionOutputLayer of gklz1982's caffe-yolov2.
    """

    param = "detection_output_param"
    grows = 2
    kind = "metric"
    ignores = PICTURES
    examples = (
        Example(
            'layer { name: "l" type: "DetectionOutput" bottom: "x" top: "y" '
            "detection_output_param { num_classes: 2 side: 1 num_box: 1 biases: 1.5 biases: 2 } }",
            {"x": (1, 7, 1, 1)},
            {"y": (1, 1, 1, 7)},
            "y = yolov2_output(x, 2, [(1.5, 2)])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        p = self.p
        for field, _ in p.ListFields():
            if field.name in _OF_SSD:
                what = f"{field.name} is SSD's, which takes no biases, num_box, side or coords"
                raise LayerError(what, field.name)
        self.check_positive("num_classes", "num_box", "side")
        if p.coords != 4:
            raise LayerError(f"a box has 4 coords, not {p.coords}", "coords")
        if len(p.biases) < 2 * p.num_box:
            what = f"{p.num_box} boxes take {2 * p.num_box} biases, not {len(p.biases)}"
            raise LayerError(what, *["biases"] * self.has("biases"))
        wanted = (1, p.num_box * (5 + p.num_classes), p.side, p.side)
        if x != wanted:
            what = f"{p.num_box} boxes of {p.num_classes} classes at side {p.side} take the map "
            raise LayerError(f"{what}{show(wanted)} of one image, not {show(x)}", "bottom", 0)
        return ((1, 1, 1, 7),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, clipped_boxes, first_boxes):
            b.helper(helper)
        p = self.p
        biases = [number(v) for v in p.biases[: 2 * p.num_box]]
        return b.call(
            yolov2_output,
            *bottoms,
            p.num_classes,
            list(zip(biases[::2], biases[1::2], strict=True)),
            threshold=single(p.confidence_threshold) if self.has("confidence_threshold") else 0.01,
            nms_threshold=single(p.nms_threshold),
        )


def yolov2_output(
    x: torch.Tensor,
    classes: int,
    anchors: list[tuple[float, float]],
    threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> torch.Tensor:
    """Rows of 0, class, score, center and size of the boxes found, (1, 1, n, 7)."""
    side = x.shape[3]
    each = x.detach().reshape(len(anchors), 5 + classes, side, side).permute(2, 3, 0, 1)
    line = torch.arange(side, device=x.device)
    place = torch.stack(torch.meshgrid(line, line, indexing="xy"), 2)[:, :, None]
    center = (each[..., :2].sigmoid() + place) / side
    size = each[..., 2:4].exp() * x.new_tensor(anchors) / side
    score, label = each[..., 5:].softmax(3).max(3, keepdim=True)
    score = score * each[..., 4:5].sigmoid()
    rows = torch.cat([torch.zeros_like(score), label, score, center, size], 3)
    rows = rows[score[..., 0] >= threshold]
    rows = rows[first_boxes(clipped_boxes(rows[:, 3:]), nms_threshold)]
    if len(rows) == 0:
        rows = x.new_tensor([[0, -1, -1, -1, -1, -1, -1]])
    return rows[None, None]


def first_boxes(boxes: torch.Tensor, threshold: float) -> torch.Tensor:
    """Which of the boxes (n, 4) overlap none kept before them by the threshold or more."""
    covers = (box_iou(boxes, boxes) >= threshold).triu(1)
    stays = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    before = ~stays
    while not torch.equal(stays, before):
        before = stays
        stays = ~(covers & stays[:, None]).any(0)
    return stays
