"""MultiBoxLoss: how far a detector's boxes and scores are from the truth, of the SSD fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import CODES, box_iou, decode_boxes, encode_boxes, match_boxes, nms
from protonet.layers.loss import VALID, check_batch, normalization
from protonet.layers.truth import check_labels
from protonet.program import Builder, Expr, F, nn, single, torch

_NVIDIAS = {"ignore_difficult_gt": "it is NVIDIA's; use_difficult_gt: false leaves them out"}
_MODES = ("full", "valid", "batch_size", "none")


@register("MultiBoxLoss")
class MultiBoxLossLayer(Layer):
    """Match prior boxes to true ones; the loss of the matched offsets and of the mined scores.

    Offsets (n, boxes * 4), or (n, boxes * classes * 4) without share_location, scores
    (n, boxes * classes), priors (1, 2, boxes * 4) and the truth (1, 1, m, 8) with rows of image,
    label, id, x1, y1, x2, y2, difficult; to one number. Without mining, LOGISTIC losses take each
    image's own labels, where the fork writes those of later images beside their place.
    Source: SSD's MultiBoxLossLayer and bbox_util.
    """

    param = "multibox_loss_param"
    bottoms = (4, 4)
    constants = (2, 3)
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
        offsets, scores, priors, truth = bottoms
        p = self.p
        if not p.num_classes:
            raise LayerError("it has no num_classes")
        boxes, places = count(priors, 2) // 4, 1 if p.share_location else p.num_classes
        for index, (x, each) in enumerate(((offsets, 4 * places), (scores, p.num_classes))):
            if count(x, 1) != boxes * each:
                what = f"{boxes} prior boxes take {boxes * each} numbers an image, not {show(x)}"
                raise LayerError(what, "bottom", index)
        check_batch(bottoms)
        if truth[-1:] != (8,):
            raise LayerError(f"the truth has the shape 1x1xNx8, not {show(truth)}", "bottom", 3)
        self.check_fields()
        return ((),)

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
        if p.conf_loss_type and p.background_label_id:
            raise LayerError("LOGISTIC takes 0 for the background", "background_label_id")
        self.check_positive("sample_size")
        if p.neg_pos_ratio < 0:
            raise LayerError("neg_pos_ratio can't be negative", "neg_pos_ratio")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, nms, decode_boxes, encode_boxes, match_boxes, check_labels):
            b.helper(helper)
        options = {k: v for k, v in self.options().items() if v != getattr(MultiBoxLoss, k)}
        return b.module(MultiBoxLoss, self.p.num_classes, **options)(*bottoms)

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
            "confidence": ("softmax", "logistic")[p.conf_loss_type],
            "normalization": _MODES[normalization(self.message.loss_param, VALID)],
            "location_weight": single(p.loc_weight) if down[0] else 0.0,
            "confidence_weight": 1.0 if down[1] else 0.0,
            "background": p.background_label_id,
            "one_object": p.map_object_to_agnostic,
            "variance_encoded": p.encode_variance_in_target,
            "learn_inside_only": p.bp_inside,
        }


class MultiBoxLoss(nn.Module):
    """The loss of a detector's offsets from prior boxes, and of their scores."""

    match = "per_prediction"
    match_priors = True
    overlap = 0.5
    inside_only = False
    use_difficult = True
    mining = "max_negative"
    negative_ratio = 3.0
    negative_overlap = 0.5
    samples = 64
    nms_before: tuple[float, int] | None = None
    nms_priors = False
    code = "corner"
    location = "smooth_l1"
    confidence = "softmax"
    normalization = "valid"
    location_weight = 1.0
    confidence_weight = 1.0
    background = 0
    one_object = False
    variance_encoded = False
    learn_inside_only = False

    def __init__(self, classes: int, **options: object) -> None:
        super().__init__()
        self.classes = classes
        for name, value in options.items():
            setattr(self, name, value)

    def forward(
        self,
        offsets: torch.Tensor,
        scores: torch.Tensor,
        priors: torch.Tensor,
        truth: torch.Tensor,
    ) -> torch.Tensor:
        prior, variance = priors.reshape(2, -1, 4)
        offsets = offsets.reshape(len(offsets), len(prior), -1, 4)
        scores = scores.reshape(len(scores), len(prior), self.classes)
        truth = truth.reshape(-1, 8)
        truth = truth[truth[:, 0] != -1]
        limit = None if self.one_object else self.classes
        check_labels(truth[:, 1], limit, self.background)
        if not self.use_difficult:
            truth = truth[truth[:, 7] == 0]
        total, matched = scores.new_zeros(()), 0
        for image in range(len(scores)):
            real = truth[truth[:, 0] == image]
            given = (offsets[image], prior, variance, real)
            match, counts = self.chosen(scores[image].detach(), *given)
            near = self.offset_losses(*given, match).sum()
            right = self.score_losses(scores[image], real, match, counts)[counts].sum()
            total = total + self.location_weight * near + self.confidence_weight * right
            matched += int((match >= 0).sum())
        sizes = {"full": len(scores) * len(prior), "valid": matched, "batch_size": len(scores)}
        return total / max(sizes.get(self.normalization, 1), 1)

    def chosen(
        self,
        scores: torch.Tensor,
        offsets: torch.Tensor,
        priors: torch.Tensor,
        variances: torch.Tensor,
        truth: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The true box of each prior and set of offsets, and which scores count."""
        offsets, mines = offsets.detach(), self.mining != "none"
        if len(truth) == 0:
            match = torch.full_like(offsets[..., 0], -1, dtype=torch.long)
            return match, torch.full_like(scores[:, 0], not mines, dtype=torch.bool)
        spread = torch.ones_like(variances) if self.variance_encoded else variances
        boxes = decode_boxes(priors[:, None], spread[:, None], offsets, self.code)
        match, overlap = self.matches(boxes, priors, truth)
        if not mines:
            return match, torch.ones_like(scores[:, 0], dtype=torch.bool)
        loss = self.score_losses(scores, truth, match, match[:, 0] < 0)
        eligible = (match[:, 0] == -1) & (overlap < self.negative_overlap)
        most = int(int((match >= 0).sum()) * self.negative_ratio)
        if self.mining == "hard_example":
            given = (offsets, priors, variances, truth, match)
            loss = loss + self.offset_losses(*given)[:, 0]
            eligible, most = torch.ones_like(eligible), self.samples
        boxes = priors if self.nms_priors else boxes[:, 0]
        hard = self.hardest(loss, eligible, boxes, most)
        negative = (match[:, 0] == -1) & hard
        if self.mining == "hard_example":
            match = torch.where(hard[:, None], match, match.clamp(max=-1))
        return match, (match[:, 0] >= 0) | negative

    def matches(
        self,
        boxes: torch.Tensor,
        priors: torch.Tensor,
        truth: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The true box of each prior and set of offsets, -1 for none, and their overlap."""
        groups = torch.arange(boxes.shape[1], device=boxes.device)
        own = truth[:, 1:2] == groups if len(groups) > 1 else truth[:, 1:2] >= 0
        rules = (self.match == "per_prediction", self.overlap, self.inside_only)
        if self.match_priors:
            match, overlap = match_boxes(priors, truth[:, 3:7], *rules)
            fits = own[match.clamp(min=0)] & (match >= 0)[:, None]
            unmatched = match if len(groups) == 1 else torch.full_like(match, -1)
            match = torch.where(fits, match[:, None], unmatched[:, None])
            return match, overlap
        match = torch.full_like(boxes[..., 0], -1, dtype=torch.long)
        overlap = torch.zeros_like(boxes[:, 0, 0])
        for group in groups.tolist():
            mine = own[:, group].nonzero()[:, 0]
            if len(mine) and (len(groups) == 1 or group != self.background):
                found, overlap = match_boxes(boxes[:, group], truth[mine, 3:7], *rules)
                real = mine[found.clamp(min=0)]
                match[:, group] = torch.where(found < 0, found, real)
        return match, overlap

    def hardest(
        self,
        loss: torch.Tensor,
        eligible: torch.Tensor,
        boxes: torch.Tensor,
        most: int,
    ) -> torch.Tensor:
        """Which of the eligible boxes have the greatest losses."""
        order = loss.argsort(descending=True, stable=True)
        order = order[eligible[order]]
        if self.nms_before:
            threshold, top_k = self.nms_before
            limit = top_k if top_k >= 0 else None
            order = order[:limit]
            area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
            order = order[area[order] >= 1e-5]
            order = order[nms(boxes[order], threshold, most=limit)]
        hard = torch.zeros_like(eligible)
        hard[order[:most]] = True
        return hard

    def offset_losses(
        self,
        offsets: torch.Tensor,
        priors: torch.Tensor,
        variances: torch.Tensor,
        truth: torch.Tensor,
        match: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of each matched prior and set of offsets."""
        place, group = (match >= 0).nonzero(as_tuple=True)
        prior, variance, given = priors[place], variances[place], offsets[place, group]
        wanted = truth[match[place, group], 3:7]
        wanted = encode_boxes(prior, variance, wanted, self.code)
        given = given / variance if self.variance_encoded else given
        if self.learn_inside_only:
            box = decode_boxes(prior, variance, given.detach(), self.code)
            box = prior if self.match_priors else box
            given = torch.where((box < 0) | (box > 1), wanted, given)
        if self.location == "l2":
            loss = F.mse_loss(given, wanted, reduction="none") / 2
        else:
            loss = F.smooth_l1_loss(given, wanted, reduction="none")
        return torch.zeros_like(offsets[..., 0]).index_put((place, group), loss.sum(1))

    def score_losses(
        self,
        scores: torch.Tensor,
        truth: torch.Tensor,
        match: torch.Tensor,
        counts: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of each prior's scores."""
        place, group = (match >= 0).nonzero(as_tuple=True)
        label = truth[match[place, group], 1].long()
        if self.one_object:
            label = torch.full_like(label, self.background + 1)
        if self.confidence == "softmax":
            wanted = torch.full_like(scores[:, 0], self.background, dtype=torch.long)
            wanted.scatter_reduce_(0, place, label, "amax", include_self=False)
            return F.cross_entropy(scores, wanted, reduction="none")
        wanted = torch.zeros_like(scores)
        if self.mining != "none":
            wanted[counts & (match[:, 0] < 0), self.background] = 1
        wanted[place, label] = 1
        loss = F.binary_cross_entropy_with_logits(scores, wanted, reduction="none")
        return loss.sum(1)
