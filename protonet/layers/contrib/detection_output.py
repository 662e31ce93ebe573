"""DetectionOutput: the boxes that a detector finds, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import CODES, box_iou, decode_boxes, nms
from protonet.layers.forks import PICTURES
from protonet.layers.refined_boxes import check_first_stage, refined_priors, screened_scores
from protonet.program import Builder, Expr, F, single, torch
from protonet.schema.pool import Message

_OF_YOLO = {"side", "num_box", "coords", "nms_threshold", "biases"}

# Fields that its fork's other types take, and this one passes over.
_OTHERS = ("bias_scale", "nms_thresh", "class_type", "has_lm", "net_height", "net_width")


@register("DetectionOutput")
class DetectionOutput(Layer):
    """Decode the offsets from prior boxes and keep the best boxes of each class.

    Offsets (n, boxes * 4), or (n, boxes * classes * 4) without share_location, scores
    (n, boxes * classes) and priors (1, 2, boxes * 4), to (1, 1, found, 7) with rows of image,
    label, score, x1, y1, x2, y2. How many there are follows from the data, where shapes say 1;
    where nothing is found there is a row of -1 for each image. No gradient; it writes no files.
    RefineDet's has two scores and offsets of a first stage, too, (n, boxes * 2) and (n, boxes * 4),
    where the priors start from, and which boxes hold nothing; a fourth bottom alone is passed over.
    Source: SSD's DetectionOutputLayer, and sfzhang15's RefineDet.
    """

    param = "detection_output_param"
    bottoms = (3, 5)
    grows = 2
    kind = "metric"
    ignores = PICTURES
    examples = (
        Example(
            'layer { name: "l" type: "DetectionOutput" bottom: "x" bottom: "score" '
            'bottom: "prior" top: "y" detection_output_param { num_classes: 3 '
            "code_type: CENTER_SIZE keep_top_k: 200 confidence_threshold: 0.01 "
            "nms_param { nms_threshold: 0.45 top_k: 400 } } }",
            {"x": (1, 24), "score": (1, 18), "prior": (1, 2, 24)},
            {"y": (1, 1, 1, 7)},
            "l_boxes = detection_boxes(x, prior)",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        stated = message.detection_output_param.ListFields()
        of_yolo = any(field.name in _OF_YOLO for field, _ in stated)
        return "yolov2.DetectionOutput" if of_yolo else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        offsets, scores, priors = bottoms[:3]
        if not self.p.num_classes:
            raise LayerError("it has no num_classes")
        for field in _OTHERS:
            if self.has(field):
                what = f"{field} is for CenterGridOutput and CenternetDetectionOutput"
                raise LayerError(what, field)
        suppression = self.p.nms_param
        if suppression.nms_threshold < 0:
            what = f"nms_threshold must not be negative, it is {single(suppression.nms_threshold)}"
            raise LayerError(what, "nms_param", "nms_threshold")
        if not 0 < suppression.eta <= 1:
            what = f"eta must be above 0 and at most 1, not {single(suppression.eta)}"
            raise LayerError(what, "nms_param", "eta")
        boxes = count(priors, 2) // 4
        for index, (x, each) in enumerate(((offsets, 4 * self.sets), (scores, self.classes))):
            if count(x, 1) != boxes * each:
                what = f"{boxes} prior boxes take {boxes * each} numbers an image, not {show(x)}"
                raise LayerError(what, "bottom", index)
        if len(bottoms) == 5:
            check_first_stage(bottoms, 3)
        return ((1, 1, 1, 7),)

    @property
    def classes(self) -> int:
        """How many scores a box has."""
        return int(self.p.num_classes)

    @property
    def sets(self) -> int:
        """How many sets of offsets a box has."""
        return 1 if self.p.share_location else self.classes

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, decode_boxes, detected_boxes):
            b.helper(helper)
        offsets, scores, priors, *first = bottoms
        p, suppression = self.p, self.p.nms_param
        coded = {"code": CODES[p.code_type], "variance_encoded": p.variance_encoded_in_target}
        if len(first) == 2:
            least = single(p.objectness_score)
            priors = b.call(moved_priors, priors, b.call(refined_priors, priors, first[1], **coded))
            scores = b.call(screened_scores, scores, first[0], self.classes, objectness=least)
        return b.call(
            detection_output,
            b.let("boxes", b.call(detection_boxes, offsets, priors, **coded, clip=p.clip)),
            scores,
            self.classes,
            background=p.background_label_id,
            threshold=single(p.confidence_threshold) if self.has("confidence_threshold") else None,
            nms_threshold=single(suppression.nms_threshold),
            eta=single(suppression.eta),
            top_k=_most(suppression.top_k if suppression.HasField("top_k") else -1),
            keep_top_k=_most(p.keep_top_k),
        )


def _most(limit: int) -> int | None:
    """A limit, of which -1 is none."""
    return None if limit < 0 else limit


def detection_boxes(
    offsets: torch.Tensor,
    priors: torch.Tensor,
    code: str = "corner",
    variance_encoded: bool = False,
    clip: bool = False,
) -> torch.Tensor:
    """The boxes (n, priors, sets, 4) that the offsets mean, from priors of all or of each image."""
    prior, variance = priors.reshape(len(priors), 2, -1, 1, 4).unbind(1)
    variance = torch.ones_like(variance) if variance_encoded else variance
    offsets = offsets.detach().reshape(len(offsets), prior.shape[1], -1, 4)
    boxes = decode_boxes(prior, variance, offsets, code)
    return boxes.clamp(0, 1) if clip else boxes


def moved_priors(priors: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Prior boxes of each image, (n, 2, boxes * 4), with the variances of those of all."""
    variance = priors[:, 1:].expand(len(boxes), -1, -1)
    return torch.cat([boxes.reshape(len(boxes), 1, -1), variance.flatten(2)], 1)


def detection_output(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    classes: int,
    background: int = 0,
    threshold: float | None = None,
    nms_threshold: float = 0.3,
    eta: float = 1.0,
    top_k: int | None = None,
    keep_top_k: int | None = None,
) -> torch.Tensor:
    """Rows of image, label, score and corners of the boxes found, (1, 1, n, 7)."""
    scores = scores.detach().reshape(len(scores), -1, classes)
    found = [boxes.new_zeros(0, 7)]
    for image in range(len(scores)):
        rows = [boxes.new_zeros(0, 6)]
        for label in (i for i in range(classes) if i != background):
            own = boxes[image, :, label if boxes.shape[2] > 1 else 0]
            own_scores = scores[image, :, label]
            best = detected_boxes(own, own_scores, threshold, nms_threshold, eta, top_k)
            rows.append(F.pad(best, (1, 0), value=label))
        kept = torch.cat(rows)
        best = kept[:, 1].argsort(descending=True, stable=True)[:keep_top_k]
        found.append(F.pad(kept[best.sort().values], (1, 0), value=image))
    if sum(len(rows) for rows in found) == 0:
        nothing = boxes.new_full((len(scores), 6), -1)
        images = torch.arange(len(scores), device=boxes.device)
        found = [torch.cat([images[:, None].to(nothing), nothing], 1)]
    return torch.cat(found)[None, None]


def detected_boxes(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    threshold: float | None,
    nms_threshold: float,
    eta: float,
    top_k: int | None,
) -> torch.Tensor:
    """Score and corners (n, 5) of the boxes of one class that no better one suppresses."""
    scores, order = scores.sort(descending=True, stable=True)
    if threshold is not None:
        scores, order = scores[scores > threshold], order[scores > threshold]
    boxes, scores = boxes[order[:top_k]], scores[:top_k]
    kept = nms(boxes, nms_threshold, eta)
    return torch.cat([scores[kept, None], boxes[kept]], 1)
