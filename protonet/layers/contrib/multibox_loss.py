"""MultiBoxLoss: how far a detector's boxes and scores are from the truth, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import CODES, box_iou, decode_boxes, encode_boxes, match_boxes, nms
from protonet.layers.loss import VALID, check_batch, normalization
from protonet.layers.multibox import MultiBoxLoss
from protonet.layers.refined_boxes import (
    check_first_stage,
    refined_loss,
    refined_priors,
)
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, single

_NVIDIAS = {"ignore_difficult_gt": "it is NVIDIA's; use_difficult_gt: false leaves them out"}
_MODES = ("full", "valid", "batch_size", "none")
_FOCAL, _SSD = 2, "MultiBoxSSDLoss"


@register("MultiBoxLoss", "MultiBoxSSDLoss")
class MultiBoxLossLayer(Layer):
    """Match prior boxes to true ones; the loss of the matched offsets and of the mined scores.

    Offsets (n, boxes * 4), or (n, boxes * classes * 4) without share_location, scores (n, boxes *
    classes), priors (1, 2, boxes * 4) and the truth (1, 1, m, 8) with rows of image, label, id, x1,
    y1, x2, y2, difficult, or of another shape, whose first numbers are m such rows; to one number.
    A true box of the background is an error of the batch, as in the fork. Without mining, LOGISTIC
    losses take each image's own labels, where the fork writes those of later images beside their
    place. With two classes any label above 0 is 1. As MultiBoxSSDLoss it has FOCALSOFTMAX, too,
    which weighs three times as much as in its mining. RefineDet's has two scores and offsets of a
    first stage, too, (n, boxes * 2) and (n, boxes * 4), where the priors start from, and which
    boxes hold nothing; in a net with such a loss, others of two classes take all objects as one.
    Source: SSD's MultiBoxLossLayer and bbox_util; MultiBoxSSDLossLayer of yuqj1991's caffe_train;
    sfzhang15's RefineDet.
    """

    param = "multibox_loss_param"
    bottoms = (4, 6)
    constants = (2, 3, 4, 5)
    is_loss = True
    refuses = _NVIDIAS
    examples = (
        Example(
            'layer { name: "loss" type: "MultiBoxLoss" bottom: "x" bottom: "score" '
            'bottom: "prior" bottom: "label" top: "y" '
            "multibox_loss_param { num_classes: 3 code_type: CENTER_SIZE } }",
            {"x": (2, 24), "score": (2, 18), "prior": (1, 2, 24), "label": (1, 1, 1, 8)},
            {"y": ()},
            'self.loss = MultiBoxLoss(3, code="center_size")',
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        offsets, scores, priors, truth = bottoms[:4]
        p = self.p
        if not p.num_classes:
            raise LayerError("it has no num_classes")
        boxes, places = count(priors, 2) // 4, 1 if p.share_location else p.num_classes
        for index, (x, each) in enumerate(((offsets, 4 * places), (scores, p.num_classes))):
            if count(x, 1) != boxes * each:
                what = f"{boxes} prior boxes take {boxes * each} numbers an image, not {show(x)}"
                raise LayerError(what, "bottom", index)
        check_batch(bottoms)
        if truth[-1:] != (8,) and (len(truth) != 4 or count(truth) < 8 * truth[2]):
            raise LayerError(f"the truth has the shape 1x1xNx8, not {show(truth)}", "bottom", 3)
        self.check_fields()
        if len(bottoms) > 4:
            self.check_refined(bottoms)
        return ((),)

    def check_refined(self, bottoms: tuple[Shape, ...]) -> None:
        """LayerError where a first stage's bottoms or the fields are not RefineDet's."""
        if len(bottoms) == 5:
            raise LayerError("scores of a first stage go with its offsets", "bottom", 4)
        check_first_stage(bottoms, 4)
        plain = self.p.share_location and self.p.use_prior_for_matching and self.p.mining_type == 1
        if not plain or self.has("nms_param"):
            what = "with a first stage it takes share_location, use_prior_for_matching, "
            raise LayerError(f"{what}mining_type: MAX_NEGATIVE and no nms_param")

    def check_fields(self) -> None:
        """LayerError where the fields do not go together."""
        p = self.p
        mining = p.mining_type != 0
        if self.has("do_neg_mining") and p.do_neg_mining != mining:
            what = f"do_neg_mining {str(p.do_neg_mining).lower()} is not what mining_type says"
            raise LayerError(what, "do_neg_mining", hint="leave out do_neg_mining, it is older")
        if mining and not p.share_location:
            hint = "write mining_type: NONE"
            raise LayerError("mining takes share_location: true", "share_location", hint=hint)
        if p.background_label_id >= p.num_classes:
            what = f"the background {p.background_label_id} is none of {p.num_classes} classes"
            raise LayerError(what, "background_label_id")
        if p.map_object_to_agnostic and p.num_classes != 2:
            what = f"map_object_to_agnostic takes 2 classes, not {p.num_classes}"
            raise LayerError(what, "num_classes")
        if normalization(self.message.loss_param, VALID) >= len(_MODES):
            raise LayerError("it has no PRE_FIXED normalization", "loss_param", "normalization")
        if p.conf_loss_type == 1 and p.background_label_id:
            raise LayerError("LOGISTIC takes 0 for the background", "background_label_id")
        self.check_positive("sample_size")
        if p.neg_pos_ratio < 0:
            raise LayerError("neg_pos_ratio can't be negative", "neg_pos_ratio")
        self.check_forks()

    def check_forks(self) -> None:
        """LayerError where a field of a fork is not done, or not of this type."""
        p = self.p
        if p.conf_loss_type == _FOCAL and self.message.type != _SSD:
            raise LayerError(f"FOCALSOFTMAX is {_SSD}'s alone", "conf_loss_type")
        for name in ("use_tiny_box_match", "use_center_locate_match"):
            if getattr(p, name):
                raise LayerError(f"{name} is not supported", name)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, decode_boxes, encode_boxes, match_boxes, check_labels):
            b.helper(helper)
        refines = len(bottoms) > 4
        options = self.options() | ({"normalization": "none"} if refines else {})
        options = {k: v for k, v in options.items() if v != getattr(MultiBoxLoss, k)}
        loss, given = b.module(MultiBoxLoss, self.p.num_classes, **options), list(bottoms)
        shape = b.bottoms[3]
        if len(shape) == 4 and (shape[-1] != 8 or count(shape, 0, 2) != 1):
            given[3] = given[3].flatten()[: 8 * shape[2]].reshape(1, 1, -1, 8)
        if not refines:
            return loss(*given)
        b.helper(refined_priors)
        mode, least = self.options()["normalization"], single(self.p.objectness_score)
        return b.call(refined_loss, loss, *given, objectness=least, normalization=mode)

    def options(self) -> dict[str, object]:
        """The attributes of the module."""
        p, down = self.p, [*self.message.propagate_down, True, True]
        suppression = single(p.nms_param.nms_threshold), p.nms_param.top_k
        return {
            "match": ("bipartite", "per_prediction")[p.match_type],
            "match_priors": p.use_prior_for_matching,
            "overlap": single(p.overlap_threshold),
            "inside_only": p.ignore_cross_boundary_bbox,
            "use_difficult": p.use_difficult_gt,
            "mining": ("none", "max_negative", "hard_example")[p.mining_type],
            "negative_ratio": single(p.neg_pos_ratio),
            "negative_overlap": single(p.neg_overlap),
            "samples": p.sample_size,
            "nms_before": suppression if self.has("nms_param") and suppression[0] > 0 else None,
            "nms_priors": p.use_prior_for_nms,
            "code": CODES[p.code_type],
            "location": ("l2", "smooth_l1")[p.loc_loss_type],
            "confidence": ("softmax", "logistic", "focal")[p.conf_loss_type],
            "normalization": _MODES[normalization(self.message.loss_param, VALID)],
            "location_weight": single(p.loc_weight) if down[0] else 0.0,
            "confidence_weight": 1.0 if down[1] else 0.0,
            "background": p.background_label_id,
            "one_object": p.map_object_to_agnostic,
            "variance_encoded": p.encode_variance_in_target,
            "learn_inside_only": p.bp_inside,
        }
