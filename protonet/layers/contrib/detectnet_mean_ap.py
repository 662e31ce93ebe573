"""ScoreDetections and mAP: how good DetectNet's boxes are, without its Python."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.boxes import box_iou
from protonet.program import Builder, Expr, torch


@register("caffe.layers.detectnet.mean_ap.ScoreDetections")
class ScoreDetections(Layer):
    """Say of true and found boxes which are met.

    True boxes (n, m, 5) and found ones (n, k, 5) of corners and a number that is not read, to
    (n, 50, 5) of corners and 1 for a box found that meets a true one, by an overlap of 0.7, 2 for
    one that meets none, 3 for a true box that is not found, and zeros. More than 50 boxes are an
    error. No gradient. Source: NVIDIA's Caffe fork, python/caffe/layers/detectnet/mean_ap.py.
    """

    param = "python_param"
    bottoms = (2, 2)
    constants = (0, 1)
    kind = "metric"
    examples = (
        Example(
            'layer { name: "score" type: "Python" bottom: "x" bottom: "found" top: "y" '
            'python_param { module: "caffe.layers.detectnet.mean_ap" layer: "ScoreDetections" } }',
            {"x": (2, 5, 5), "found": (2, 6, 5)},
            {"y": (2, 50, 5)},
            "y = scored_boxes(x, found)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, x in enumerate(bottoms):
            if len(x) != 3 or x[2] != 5 or x[0] != bottoms[0][0]:
                what = f"it takes boxes NxMx5, of as many images, not {show(x)}"
                raise LayerError(what, "bottom", index)
        return ((bottoms[0][0], 50, 5),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(box_iou)
        return b.call(scored_boxes, *bottoms)


@register("caffe.layers.detectnet.mean_ap.mAP")
class DetectNetMeanAP(Layer):
    """Precision, recall and their product, of 100, over a batch of scored boxes.

    Boxes (n, m, 5) as ScoreDetections gives them, to three numbers (1): the product, which the
    fork calls mean average precision, precision and recall. Source: NVIDIA's Caffe fork,
    python/caffe/layers/detectnet/mean_ap.py, which reads no param_str.
    """

    param = "python_param"
    constants = (0,)
    tops = (3, 3)
    kind = "metric"
    examples = (
        Example(
            'layer { name: "score" type: "Python" bottom: "x" top: "y" top: "p" top: "r" '
            'python_param { module: "caffe.layers.detectnet.mean_ap" layer: "mAP" } }',
            {"x": (2, 50, 5)},
            {"y": (1,), "p": (1,), "r": (1,)},
            "y, p, r = precision_and_recall(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        if len(x) != 3 or x[2] != 5:
            raise LayerError(f"it takes boxes NxMx5, not {show(x)}", "bottom", 0)
        return ((1,),) * 3

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(precision_and_recall, *bottoms)


def scored_boxes(truth: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """Found boxes that are right (1) and wrong (2), true ones that are missed (3)."""
    rows = truth.new_zeros(len(truth), 50, 5)
    for image in range(len(truth)):
        real, boxes = truth[image, :, :4].detach(), found[image, :, :4].detach()
        real, boxes = real[real.any(1)], boxes[boxes.any(1)]
        meets = box_iou(real, boxes) >= 0.7
        missed, free = [], torch.ones_like(boxes[:, 0], dtype=torch.bool)
        for place, each in enumerate(meets):
            hits = (each & free).nonzero()[:1, 0]
            free[hits] = False
            if len(hits) == 0:
                missed.append(place)
        parts = [(boxes[~free], 1), (boxes[free], 2), (real[missed], 3)]
        marked = [torch.cat([p, p.new_full((len(p), 1), n)], 1) for p, n in parts]
        row = torch.cat(marked)
        rows[image, : len(row)] = row
    return rows


def precision_and_recall(
    scored: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The product of precision and recall, and each, in percent."""
    right, wrong, missed = ((scored[..., 4] == kind).sum() for kind in (1, 2, 3))
    precision = 100 * right / (right + wrong).clamp(min=1)
    recall = 100 * right / (right + missed).clamp(min=1)
    values = torch.stack([precision * recall / 100, precision, recall]).to(scored)
    return values[:1], values[1:2], values[2:]
