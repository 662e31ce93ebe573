"""DetectionEvaluate: which of the boxes found are right, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_iou
from protonet.layers.region_evaluate import corner_sides, judged, region_evaluate
from protonet.layers.regions import region_overlap
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, single, torch


@register("DetectionEvaluate")
class DetectionEvaluate(Layer):
    """Say of each box found whether it is the first on a true box of its class.

    Found boxes (1, 1, n, 7) and true ones (1, 1, m, 8), to (1, 1, classes + found, 5): for each
    class a row of -1, label, number of true boxes, -1, -1; then for each box a row of image,
    label, score, right, wrong. Boxes are compared in units of the image; name_size_file is not
    read. With sizes (n, 2) it is Cascade R-CNN's, whose boxes (n, 7) and true ones (m, 8) begin
    with image, x1, y1, x2, y2, label, to (classes + found, 5, 1, 1); they are compared in the
    pixels of the net. Source: SSD's DetectionEvaluateLayer, and zhaoweicai's.
    """

    param = "detection_evaluate_param"
    bottoms = (2, 3)
    grows = 2
    kind = "metric"
    # An evaluation compares in units of the image.
    ignores = ("name_size_file", "resize_param")
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
        for index, (x, width) in enumerate(zip(bottoms, (7, 8), strict=True)):
            if len(x) != 4 or x[:2] != (1, 1) or x[3] != width:
                what = f"it takes the shape 1x1xNx{width}, not {show(x)}"
                raise LayerError(what, "bottom", index)
        classes = self.p.num_classes - (self.p.background_label_id < self.p.num_classes)
        return ((1, 1, classes + bottoms[0][2], 5),)

    def check_fields(self) -> None:
        """LayerError where a field is none of those that do."""
        if not self.p.num_classes:
            raise LayerError("it has no num_classes")
        if self.p.overlap_threshold <= 0:
            raise LayerError("overlap_threshold must be positive", "overlap_threshold")

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
        return b.call(
            detection_evaluate,
            *bottoms,
            self.p.num_classes,
            background=self.p.background_label_id,
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
    overlap, nearest = box_iou(found[:, 3:], truth[:, 3:7]).max(1)
    taken = nearest[:, None] == torch.arange(len(truth), device=truth.device)
    hits = taken & (overlap >= threshold)[:, None]
    right = (hits & (hits.cumsum(0) == 1)).any(1)
    verdict = torch.stack([right, ~right], 1).to(found.dtype)
    if not count_difficult:
        passed_over = (overlap >= threshold) & (truth[nearest, 7] != 0)
        verdict = torch.where(passed_over[:, None], 0, verdict)
    return torch.cat([found[:, :3], verdict], 1)
