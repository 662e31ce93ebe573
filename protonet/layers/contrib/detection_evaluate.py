"""DetectionEvaluate: which of the boxes found are right, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_iou, clipped_boxes
from protonet.layers.region_evaluate import corner_sides, judged, region_evaluate
from protonet.layers.regions import region_overlap
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, single, torch
from protonet.schema.pool import Message


@register("DetectionEvaluate")
class DetectionEvaluate(Layer):
    """Say of each box found whether it is the first on a true box of its class.

    Found boxes (1, 1, n, 7) and true ones (1, 1, m, 8), with has_lm and landmarks behind them 17
    and 19 numbers, to (1, 1, classes + found, 5): for each class a row of -1, label, number of true
    boxes, -1, -1; then for each box a row of image, label, score, right, wrong. Boxes are compared
    in units of the image, in the fork by name_size_file in pixels, of which a box has one more.
    With sizes (n, 2) it is Cascade R-CNN's, whose boxes (n, 7) and true ones (m, 8) begin with
    image, x1, y1, x2, y2, label, to (classes + found, 5, 1, 1); they are compared in the pixels of
    the net. With true boxes (1, 150) of class, center, width and height it is gklz1982's
    caffe-yolov2, whose found boxes have their center and size, too: all classes count from 0, and
    boxes are clipped to the image. Source: the DetectionEvaluateLayer of SSD, zhaoweicai's
    cascade-rcnn, caffe-yolov2 and, with has_lm, yuqj1991's caffe_train.
    """

    param = "detection_evaluate_param"
    bottoms = (2, 3)
    grows = 2
    kind = "metric"
    # An evaluation compares in units of the image.
    examples = (
        Example(
            'layer { name: "l" type: "DetectionEvaluate" bottom: "x" bottom: "label" top: "y" '
            "detection_evaluate_param { num_classes: 3 overlap_threshold: 0.5 } }",
            {"x": (1, 1, 4, 7), "label": (1, 1, 2, 8)},
            {"y": (1, 1, 6, 5)},
            "y = detection_evaluate(x, label, 3)",
        ),
        Example(
            'layer { name: "l" type: "DetectionEvaluate" bottom: "x" bottom: "label" '
            'bottom: "size" top: "y" detection_evaluate_param { num_classes: 3 } }',
            {"x": (4, 7, 1, 1), "label": (2, 8, 1, 1), "size": (1, 2, 1, 1)},
            {"y": (6, 5, 1, 1)},
            "y = region_evaluate(x, label, 3)",
        ),
        Example(
            'layer { name: "l" type: "DetectionEvaluate" bottom: "x" bottom: "label" top: "y" '
            "detection_evaluate_param { num_classes: 3 } }",
            {"x": (1, 1, 4, 7), "label": (1, 150)},
            {"y": (1, 1, 7, 5)},
            "y = detection_evaluate(found_corners(x), true_corners(label), 3, background=-1)",
        ),
    )

    def __init__(self, message: Message, phase: str = "TEST") -> None:
        super().__init__(message, phase)
        if self.p.name_size_file:
            self.note = (
                "name_size_file is not read; the fork compares boxes in pixels by it, which "
                "changes overlaps a little"
            )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_fields()
        if len(bottoms) == 3:
            for index, (x, width) in enumerate(zip(bottoms, (7, 8, 2), strict=True)):
                if not x or count(x, 1) != width:
                    raise LayerError(
                        f"it takes the shape Nx{width}, not {show(x)}", "bottom", index
                    )
            return ((self.p.num_classes - 1 + bottoms[0][0], 5, 1, 1),)
        if self.is_yolo(bottoms):
            if bottoms[0][:2] != (1, 1) or bottoms[0][3:] != (7,):
                what = f"it takes the shape 1x1xNx7, not {show(bottoms[0])}"
                raise LayerError(what, "bottom", 0)
            return ((1, 1, self.p.num_classes + bottoms[0][2], 5),)
        widths = (17, 19) if self.p.has_lm else (7, 8)
        for index, (x, width) in enumerate(zip(bottoms, widths, strict=True)):
            if len(x) != 4 or x[:2] != (1, 1) or x[3] != width:
                what = f"it takes the shape 1x1xNx{width}, not {show(x)}"
                raise LayerError(what, "bottom", index)
        classes = self.p.num_classes - (self.p.background_label_id < self.p.num_classes)
        return ((1, 1, classes + bottoms[0][2], 5),)

    def is_yolo(self, bottoms: tuple[Shape, ...]) -> bool:
        """Whether the true boxes are those of caffe-yolov2."""
        return bottoms[1] == (1, 150)

    def check_fields(self) -> None:
        """LayerError where a field is none of those that do."""
        if not self.p.num_classes:
            raise LayerError("it has no num_classes")
        if self.p.overlap_threshold <= 0:
            raise LayerError("overlap_threshold must be positive", "overlap_threshold")
        if self.p.has_lm and len(self.message.bottom) == 3:
            raise LayerError("has_lm takes 2 bottoms, not 3", "has_lm")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options = {
            "threshold": single(self.p.overlap_threshold),
            "count_difficult": self.p.evaluate_difficult_gt,
        }
        if len(bottoms) == 3:
            b.helper(region_overlap)
            b.helper(corner_sides)
            b.helper(judged)
            b.helper(check_labels)
            return b.call(region_evaluate, *bottoms[:2], self.p.num_classes, **options)
        b.helper(box_iou)
        b.helper(check_labels)
        b.helper(evaluated_boxes)
        background = self.p.background_label_id
        if self.is_yolo(b.bottoms):
            b.helper(clipped_boxes)
            found, truth = bottoms
            bottoms = b.call(found_corners, found), b.call(true_corners, truth)
            background, options["count_difficult"] = -1, True
        return b.call(
            detection_evaluate,
            *bottoms,
            self.p.num_classes,
            background=background,
            **options,
        )


def detection_evaluate(
    found: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    background: int = 0,
    threshold: float = 0.5,
    count_difficult: bool = True,
) -> torch.Tensor:
    """Rows of image, label, score, right and wrong, behind a count for each class."""
    found, truth = found.detach()[0, 0], truth[0, 0]
    found = found[(found[:, :2] != -1).all(1)]
    truth = truth[(truth[:, 0] != -1).cumprod(0) == 1]
    check_labels(truth[:, 1], classes, background)
    check_labels(found[:, 1], classes, background)
    labels = [i for i in range(classes) if i != background]
    counted = truth if count_difficult else truth[truth[:, 7] == 0]
    rows = found.new_full((len(labels), 5), -1)
    rows[:, 1] = rows.new_tensor(labels)
    rows[:, 2] = (counted[:, 1] == rows[:, 1:2]).sum(1)
    groups = [rows]
    for image, label in torch.unique(found[:, :2], dim=0).tolist():
        mine = found[(found[:, 0] == image) & (found[:, 1] == label)]
        real = truth[(truth[:, 0] == image) & (truth[:, 1] == label)]
        groups.append(evaluated_boxes(mine, real, threshold, count_difficult))
    return torch.cat(groups)[None, None]


def evaluated_boxes(
    found: torch.Tensor,
    truth: torch.Tensor,
    threshold: float,
    count_difficult: bool,
) -> torch.Tensor:
    """The rows of the boxes of one class in one image."""
    wrong = found.new_tensor([0, 1]).expand(len(found), 2)
    if len(truth) == 0:
        return torch.cat([found[:, :3], wrong], 1)
    found = found[found[:, 2].argsort(descending=True, stable=True)]
    overlap, nearest = box_iou(found[:, 3:7], truth[:, 3:7]).max(1)
    taken = nearest[:, None] == torch.arange(len(truth), device=truth.device)
    hits = taken & (overlap >= threshold)[:, None]
    right = (hits & (hits.cumsum(0) == 1)).any(1)
    verdict = torch.stack([right, ~right], 1).to(found.dtype)
    if not count_difficult:
        passed_over = (overlap >= threshold) & (truth[nearest, 7] != 0)
        verdict = torch.where(passed_over[:, None], 0, verdict)
    return torch.cat([found[:, :3], verdict], 1)


def found_corners(found: torch.Tensor) -> torch.Tensor:
    """The rows of found boxes by center and size (1, 1, n, 7), as rows by corners."""
    rows = found.detach()[0, 0]
    return torch.cat([rows[:, :3], clipped_boxes(rows[:, 3:])], 1)[None, None]


def true_corners(truth: torch.Tensor) -> torch.Tensor:
    """True boxes of class, center and size, as SSD's rows (1, 1, m, 8) of one image."""
    rows = truth.reshape(-1, 5)
    rows = rows[(rows[:, 3] != 0).cumprod(0) == 1]
    zeros = rows.new_zeros(len(rows), 1)
    sides = clipped_boxes(rows[:, 1:])
    return torch.cat([zeros, rows[:, :1].trunc(), zeros, sides, zeros], 1)[None, None]
