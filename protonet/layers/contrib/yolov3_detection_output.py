"""Yolov3DetectionOutput: the boxes that YOLOv3 finds, of the MobileNet-YOLO fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.boxes import best_boxes, box_iou, nms
from protonet.program import Builder, Expr, number, single, torch

_YUQJ = "Yolov3Detection"
_NMS = 0.4  # of Yolov3Detection, where nms_threshold is not stated


@register("Yolov3DetectionOutput", "Yolov3Detection")
class Yolov3DetectionOutput(Layer):
    """Decode the maps of several scales and keep the best boxes, whatever their class.

    Maps (n, num_box * (5 + classes), h, w) of offsets, objectness and scores, one for each
    mask_group_num, to (1, 1, found, 7) with rows of 0, label + 1, score, x1, y1, x2, y2. How many
    there are follows from the data, where shapes say 1; where nothing is found there is a row of -1
    for each image. The images of a batch count as one, so give one at a time. No gradient.
    As Yolov3Detection maps are square, and boxes that overlap by just nms_threshold go, too, which
    is 0.4 where it is not stated. Source: Yolov3DetectionOutputLayer of eric612's MobileNet-YOLO,
    Yolov3DetectionLayer of yuqj1991's caffe_train.
    """

    param = "yolov3_detection_output_param"
    bottoms = (1, None)
    grows = 2
    examples = (
        Example(
            'layer { name: "l" type: "Yolov3DetectionOutput" bottom: "x" top: "y" '
            "yolov3_detection_output_param { num_classes: 2 num_box: 1 mask_group_num: 1 mask: 0 "
            "biases: 30 biases: 40 anchors_scale: 32 } }",
            {"x": (1, 7, 1, 1)},
            {"y": (1, 1, 1, 7)},
            "y = yolov3_detections([x], 2, [[(30, 40)]], [32])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, groups = self.p, len(bottoms)
        if p.gaussian_box:
            what = "gaussian_box is not done: on the CPU the fork reads scores it never wrote"
            raise LayerError(what, "gaussian_box")
        if p.mask_group_num != groups:
            what = f"mask_group_num {p.mask_group_num} takes as many bottoms, not {groups}"
            raise LayerError(what, *["mask_group_num"] * self.has("mask_group_num"))
        if len(p.anchors_scale) < groups:
            raise LayerError(f"{groups} bottoms take as many anchors_scale", *self.last("scale"))
        if len(p.mask) < (groups - 1) * (len(p.mask) // groups) + p.num_box:
            what = f"{groups} bottoms of {p.num_box} boxes take {groups * p.num_box} masks"
            raise LayerError(f"{what}, not {len(p.mask)}", *self.last("mask"))
        for index, mask in enumerate(p.mask):
            if 2 * mask + 1 >= len(p.biases):
                what = f"there is no pair of biases {mask}, there are {len(p.biases) // 2}"
                raise LayerError(what, "mask", index)
        channels = p.num_box * (5 + p.num_classes)
        for index, x in enumerate(bottoms):
            if len(x) != 4 or x[1] != channels:
                what = f"{p.num_box} boxes of {p.num_classes} classes take {channels} channels"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
            if self.is_older and x[2] != x[3]:
                raise LayerError(f"it takes square maps, not {show(x)}", "bottom", index)
        return ((1, 1, 1, 7),)

    @property
    def is_older(self) -> bool:
        """Whether it is of the fork that goes by the width of a map."""
        return bool(self.message.type == _YUQJ)

    def nms_threshold(self) -> float:
        """The overlap above which boxes go."""
        stated = self.has("nms_threshold") or not self.is_older
        threshold = single(self.p.nms_threshold) if stated else _NMS
        return math.nextafter(threshold, -1) if self.is_older else threshold

    def last(self, word: str) -> tuple[str, ...]:
        """The field of the masks or of the scales, where it is stated."""
        field = {"scale": "anchors_scale", "mask": "mask"}[word]
        return (field,) if self.has(field) else ()

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, best_boxes):
            b.helper(helper)
        p, step = self.p, len(self.p.mask) // len(bottoms)
        biases = [number(v) for v in p.biases]
        pairs = list(zip(biases[::2], biases[1::2], strict=False))
        masks = [list(p.mask[t * step : t * step + p.num_box]) for t in range(len(bottoms))]
        return b.call(
            yolov3_detections,
            list(bottoms),
            p.num_classes,
            [[pairs[i] for i in mask] for mask in masks],
            list(p.anchors_scale[: len(bottoms)]),
            threshold=single(p.confidence_threshold),
            nms_threshold=self.nms_threshold(),
        )


def yolov3_detections(
    maps: list[torch.Tensor],
    classes: int,
    anchors: list[list[tuple[float, float]]],
    strides: list[int],
    threshold: float = 0.01,
    nms_threshold: float = 0.45,
) -> torch.Tensor:
    """Rows of 0, label + 1, score and corners of the boxes found, (1, 1, n, 7)."""
    boxes, scores = [], []
    for each, pairs, stride in zip(maps, anchors, strides, strict=True):
        n, _, height, width = each.shape
        x = each.detach().reshape(n, len(pairs), 5 + classes, height, width)
        x = x.permute(0, 3, 4, 1, 2)
        y = torch.arange(height, device=x.device)
        z = torch.arange(width, device=x.device)
        y, z = torch.meshgrid(y, z, indexing="ij")
        side = x.new_tensor([width, height])
        place = torch.stack([z, y], 2)[:, :, None]
        center = (x[..., :2].sigmoid() + place) / side
        half = x[..., 2:4].exp() * x.new_tensor(pairs) / (side * stride) / 2
        boxes.append(torch.cat([center - half, center + half], 4).reshape(-1, 4))
        score = x[..., 5:].sigmoid() * x[..., 4:5].sigmoid()
        scores.append(score.reshape(-1, classes))
    everything = torch.cat(scores)
    box, label = (everything > threshold).nonzero(as_tuple=True)
    found = torch.cat([label[:, None] + 1, everything[box, label, None]], 1)
    rows = torch.cat([found, torch.cat(boxes)[box]], 1)
    return best_boxes(rows, nms_threshold, len(maps[0]))
