"""EvalDetection: which of the boxes that YOLO finds are right, of the forks for YOLO and YOLOv2."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_iou, nms
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, F, number, single, torch

_SCORES = ("objectness", "class", "product")


@register("EvalDetection")
class EvalDetection(Layer):
    """Say of each box found whether it is the first on a true box of its class.

    Boxes of side * side cells, to (n, num_class + side * side * num_object * 4): for each class the
    number of true boxes, then for each box its class, score, right and wrong, class by class with
    falling scores, and zeros. With biases it is YOLOv2's: a map (n, num_object * (5 + num_class),
    side, side), and true boxes (n, 150) of class, center, width and height, or SSD's (1, 1, m, 8)
    with classes from 1. There nothing is found without nms, boxes go below a score of 0.005, and
    one off all the true boxes of its class is neither right nor wrong. Else it is YOLO's: (n, side
    * side * (num_class + 5 * num_object)), and truth (n, side * side * 7). Further bottoms are not
    read. No gradient. Source: EvalDetectionLayer of gklz1982's caffe-yolov2, of Intel's fork and of
    yeahkun's caffe-yolo.
    """

    param = "eval_detection_param"
    bottoms = (2, None)
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "EvalDetection" bottom: "x" bottom: "label" top: "y" '
            "eval_detection_param { side: 3 num_class: 2 num_object: 1 nms: 0.4 biases: 1.5 "
            "biases: 2 } }",
            {"x": (2, 7, 3, 3), "label": (2, 150)},
            {"y": (2, 38)},
            "l_truth = yolov2_truth(label, 2)",
        ),
        Example(
            'layer { name: "l" type: "EvalDetection" bottom: "x" bottom: "label" top: "y" '
            "eval_detection_param { side: 2 num_class: 3 num_object: 2 } }",
            {"x": (2, 52), "label": (2, 28)},
            {"y": (2, 35)},
            "y = evaluated_yolo(yolo_boxes(x, 3, 2, 2), yolo_truth(label, 2), 3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms[:2]
        p = self.p
        self.check_positive("side", "num_class", "num_object")
        if len(p.biases):
            self.check_map(x, truth)
        else:
            cells = p.side * p.side
            wanted = cells * (p.num_class + 5 * p.num_object), cells * 7
            for index, (shape, each) in enumerate(zip((x, truth), wanted, strict=True)):
                if not shape or count(shape, 1) != each or shape[0] != x[0]:
                    what = f"{p.side}x{p.side} cells take {each} numbers an image"
                    raise LayerError(f"{what}, not {show(shape)}", "bottom", index)
        return ((x[0], p.num_class + p.side * p.side * p.num_object * 4),)

    def check_map(self, x: Shape, truth: Shape) -> None:
        """LayerError unless YOLOv2's map and true boxes have the shapes that the fields say."""
        p = self.p
        if len(p.biases) < 2 * p.num_object:
            what = f"{p.num_object} boxes take {2 * p.num_object} biases, not {len(p.biases)}"
            raise LayerError(what, "biases")
        wanted = (p.num_object * (5 + p.num_class), p.side, p.side)
        if x[1:] != wanted:
            what = f"{p.num_object} boxes of {p.num_class} classes take a map Nx{show(wanted)}"
            raise LayerError(f"{what}, not {show(x)}", "bottom", 0)
        if truth[-1:] != (8,) and (len(truth) < 2 or truth[0] != x[0] or count(truth, 1) != 150):
            what = f"true boxes have the shape {x[0]}x150 or 1x1xMx8, not {show(truth)}"
            raise LayerError(what, "bottom", 1)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, check_labels, yolo_rows, yolo_verdict):
            b.helper(helper)
        p, (x, truth) = self.p, bottoms[:2]
        shown = _SCORES[p.score_type]
        overlap, within = single(p.threshold), single(p.nms) if p.nms >= 0 else None
        if not len(p.biases):
            found = b.call(
                yolo_boxes,
                x,
                p.num_class,
                p.num_object,
                p.side,
                squared=p.sqrt,
                in_cells=p.constriant,
                score=shown,
            )
            real = b.call(yolo_truth, truth, p.side)
            return b.call(
                evaluated_yolo, found, real, p.num_class, threshold=overlap, suppression=within
            )
        biases = [number(v) for v in p.biases[: 2 * p.num_object]]
        anchors = list(zip(biases[::2], biases[1::2], strict=True))
        least = 0.005 if within is not None else 2.0  # without nms nothing is found
        return b.call(
            evaluated_yolo,
            b.let("boxes", b.call(yolov2_boxes, x, anchors, score=shown)),
            b.let("truth", b.call(yolov2_truth, truth, b.bottoms[0][0])),
            p.num_class,
            threshold=overlap,
            suppression=within,
            least=least,
        )


def yolo_boxes(
    x: torch.Tensor,
    classes: int,
    boxes: int,
    side: int,
    squared: bool = True,
    in_cells: bool = True,
    score: str = "product",
) -> torch.Tensor:
    """The boxes of YOLO's flat scores, (n, cells * boxes, 6) of class, score and corners."""
    n, cells = len(x), side * side
    x = x.detach().reshape(n, -1, cells)
    sure, label = x[:, :classes].max(1, keepdim=True)
    shown = x[:, classes : classes + boxes]
    place = x[:, classes + boxes :].reshape(n, boxes, 4, cells).movedim(2, 0)
    center = place[:2]
    if in_cells:
        cell = torch.arange(cells, device=x.device)
        corner = torch.stack([cell % side, cell // side])[:, None, None]
        center = (center + corner) / side
    size = place[2:].square() if squared else place[2:]
    sure, label = sure.expand_as(shown), label.expand_as(shown)
    return yolo_rows(center, size, shown, sure, label, score)


def yolov2_boxes(
    x: torch.Tensor,
    anchors: list[tuple[float, float]],
    score: str = "product",
) -> torch.Tensor:
    """The boxes of YOLOv2's map, (n, cells * anchors, 6) of class, score and corners."""
    n, _, side, _ = x.shape
    x = x.detach().reshape(n, len(anchors), -1, side * side).movedim(2, 0)
    cell = torch.arange(side * side, device=x.device)
    place = torch.stack([cell % side, cell // side])[:, None, None]
    center = (x[:2].sigmoid() + place) / side
    size = x[2:4].exp() * x.new_tensor(anchors).t()[:, None, :, None] / side
    sure, label = x[5:].softmax(0).max(0)
    return yolo_rows(center, size, x[4].sigmoid(), sure, label, score)


def yolo_rows(
    center: torch.Tensor,
    size: torch.Tensor,
    shown: torch.Tensor,
    sure: torch.Tensor,
    label: torch.Tensor,
    score: str,
) -> torch.Tensor:
    """Class, score and corners of boxes (n, boxes, cells), cell by cell."""
    scores = {"objectness": shown, "class": sure, "product": shown * sure}
    low, high = center - size / 2, center + size / 2
    rows = torch.stack([label.to(sure), scores[score], *low, *high], 3)
    return rows.transpose(1, 2).flatten(1, 2)


def yolo_truth(truth: torch.Tensor, side: int) -> torch.Tensor:
    """YOLO's truth as (n, cells, 6) of class, -1 for none, whether difficult, and corners."""
    truth = truth.reshape(len(truth), -1)
    cells = side * side
    difficult, there, label = truth[:, : 3 * cells].reshape(-1, 3, cells).unbind(1)
    box = truth[:, 3 * cells :].reshape(-1, cells, 4)
    corners = [box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2]
    kind = torch.where(there != 0, label.trunc(), -1)
    return torch.cat([torch.stack([kind, difficult], 2), *corners], 2)


def yolov2_truth(truth: torch.Tensor, images: int) -> torch.Tensor:
    """True boxes by image as (n, m, 6) of class, -1 for none, 0 and corners."""
    if truth.shape[-1] == 8:
        image, label = truth.reshape(-1, 8)[:, :2].t()
        mine = torch.arange(images, device=truth.device)[:, None] == image
        corners = truth.reshape(-1, 8)[:, 3:7].expand(images, -1, 4)
        kind = torch.where(mine, label - 1, -1)
    else:
        truth = truth.reshape(images, -1, 5)
        half = truth[..., 3:] / 2
        corners = torch.cat([truth[..., 1:3] - half, truth[..., 1:3] + half], 2)
        kind = torch.where((truth[..., 1] != 0).cumprod(1) == 1, truth[..., 0], -1)
    return torch.cat([torch.stack([kind, torch.zeros_like(kind)], 2), corners], 2)


def evaluated_yolo(
    found: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    threshold: float = 0.5,
    suppression: float | None = None,
    least: float | None = None,
) -> torch.Tensor:
    """Counts of true boxes by class, and for each box class, score, right and wrong."""
    rows = []
    for boxes, every in zip(found, truth, strict=True):
        real = every[every[:, 0] >= 0]
        check_labels(real[:, 0], classes)
        easy = real[real[:, 1] != 1, :1]
        counts = (easy == torch.arange(classes, device=easy.device)).sum(0).to(boxes)
        kept = boxes[boxes[:, 1].argsort(descending=True, stable=True)]
        if suppression is not None:  # a threshold of 0 is met by every box
            kept = kept[nms(kept[:, 2:], suppression or -1.0)]
        if least is not None:
            kept = kept[kept[:, 1] >= least]
        kept = kept[kept[:, 0].argsort(stable=True)]
        verdict = yolo_verdict(kept, real, threshold, least is not None)
        row = torch.cat([counts, torch.cat([kept[:, :2], verdict], 1).flatten()])
        rows.append(F.pad(row, (0, classes + 4 * len(boxes) - len(row))))
    return torch.stack(rows)


def yolo_verdict(
    boxes: torch.Tensor,
    real: torch.Tensor,
    threshold: float,
    lenient: bool,
) -> torch.Tensor:
    """Right and wrong of boxes, class by class in order; ``lenient`` as YOLOv2's fork is."""
    alike = F.pad(boxes[:, :1] == real[:, 0], (0, 1))
    overlap = F.pad(box_iou(boxes[:, 2:], real[:, 2:]), (0, 1))
    most, nearest = torch.where(alike, overlap, -1).max(1)
    meets = (most >= threshold) & alike.any(1)
    passed_over = meets & (F.pad(real[:, 1], (0, 1))[nearest] == 1)
    if lenient:
        passed_over |= alike.any(1) & ~meets
    taken = nearest[:, None] == torch.arange(len(real), device=real.device)
    hits = taken & meets[:, None]
    right = (hits & (hits.cumsum(0) == 1)).any(1) & ~passed_over
    return torch.stack([right, ~right & ~passed_over], 1).to(boxes)
