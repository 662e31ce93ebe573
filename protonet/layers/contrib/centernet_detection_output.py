"""CenternetDetectionOutput: the boxes that a heat map of centres finds."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import rows_of_images, unsuppressed
from protonet.layers.forks import PICTURES
from protonet.program import Builder, Expr, single, torch


@register("CenternetDetectionOutput")
class CenternetDetectionOutput(Layer):
    """Decode the boxes around the hot places of each class and keep the best, whatever their class.

    Boxes (n, 4, h, w) of the centre's offset and the logarithms of width and height, in places, or
    (n, 14, h, w) with has_lm; scores after the sigmoid, (n, num_classes - 1, h, w); to (1, 1,
    found, 7 or 17) with rows of image, label, score, x1, y1, x2, y2 and the landmarks. How many
    there are follows from the data, where shapes say 1; where nothing is found there is a row of
    -1 for each image. No gradient. As in the fork a score of 1 is none, a place is 4 pixels,
    landmarks are in quarter pixels of the map and not divided by it, share_location and further
    bottoms are not read. Source: CenternetDetectionOutputLayer, get_topK of yuqj1991's caffe_train.
    """

    param = "detection_output_param"
    bottoms = (2, 4)
    grows = 2
    kind = "metric"
    ignores = PICTURES
    examples = (
        Example(
            'layer { name: "l" type: "CenternetDetectionOutput" bottom: "x" bottom: "score" '
            'top: "y" detection_output_param { num_classes: 3 confidence_threshold: 0.5 '
            "nms_thresh: 0.3 } }",
            {"x": (2, 4, 8, 8), "score": (2, 2, 8, 8)},
            {"y": (1, 1, 1, 7)},
            "y = centernet_output(x, score, threshold=0.5, nms_threshold=0.3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p, (x, scores) = self.p, bottoms[:2]
        if self.has("nms_param"):
            raise LayerError("it suppresses by nms_thresh, not by nms_param", "nms_param")
        if len(x) != 4 or x[1] != (14 if p.has_lm else 4):
            what = f"boxes{' with landmarks' if p.has_lm else ''} have the shape "
            what += f"Nx{14 if p.has_lm else 4}xHxW, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        if not p.num_classes:
            raise LayerError("it has no num_classes")
        wanted = (x[0], p.num_classes - 1, *x[2:])
        if scores != wanted:
            what = f"{p.num_classes} classes, of which one is the background, take scores of"
            raise LayerError(f"{what} {show(wanted)}, not {show(scores)}", "bottom", 1)
        return ((1, 1, 1, 17 if p.has_lm else 7),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(unsuppressed)
        b.helper(rows_of_images)
        p = self.p
        return b.call(
            centernet_output,
            *bottoms[:2],
            threshold=single(p.confidence_threshold) if self.has("confidence_threshold") else None,
            nms_threshold=single(p.nms_thresh),
            most=p.keep_top_k if p.keep_top_k > 0 else None,
        )


def centernet_output(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    threshold: float | None = None,
    nms_threshold: float = 0.4,
    most: int | None = None,
) -> torch.Tensor:
    """Rows of image, label, score, corners and landmarks, (1, 1, n, 7 or 17)."""
    found = []
    limit = boxes.new_tensor([4 * boxes.shape[3], 4 * boxes.shape[2]])
    for given, heat in zip(boxes.detach(), scores.detach(), strict=True):
        hot = heat < 1
        if threshold is not None:
            hot &= heat > threshold
        label, i, j = hot.nonzero(as_tuple=True)
        mine = given[:, i, j].t()
        middle = (torch.stack([j, i], 1) + mine[:, :2]) * 4
        sides = mine[:, 2:4].exp() * 4
        low = torch.minimum((middle - sides / 2).clamp(min=0), limit)
        high = torch.minimum((middle + sides / 2).clamp(min=0), limit)
        order = heat[hot].argsort(descending=True, stable=True)
        corners = torch.cat([low, high], 1)
        kept = unsuppressed(corners[order], sides.prod(1)[order], nms_threshold)
        best = order[kept][:most]
        rows = [label[best, None] + 1, heat[label, i, j][best, None]]
        rows.append(corners[best] / limit.repeat(2))
        points = mine[best, 4:].reshape(len(best), (mine.shape[1] - 4) // 2, 2)
        marks = (middle[best, None] + points * (high - low)[best, None]) * 4
        rows.append(torch.minimum(marks.clamp(min=0), limit).flatten(1))
        found.append(torch.cat(rows, 1))
    return rows_of_images(found, boxes.shape[1] + 3)
