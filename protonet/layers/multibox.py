"""The loss of detectors with prior boxes, as a module."""

from __future__ import annotations

from protonet.layers.boxes import decode_boxes, encode_boxes, match_boxes, nms
from protonet.program import F, nn, torch


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
        everything = len(scores) * len(prior)
        sizes = {"full": everything, "valid": matched, "batch_size": len(scores)}
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
        offsets = offsets.detach()
        mines = self.mining != "none"
        if len(truth) == 0:
            match = torch.full_like(offsets[..., 0], -1, dtype=torch.long)
            return match, torch.full_like(scores[:, 0], not mines, dtype=torch.bool)
        spread = torch.ones_like(variances) if self.variance_encoded else variances
        boxes = decode_boxes(priors[:, None], spread[:, None], offsets, self.code)
        match, overlap = self.matches(boxes, priors, truth)
        if not mines:
            return match, torch.ones_like(scores[:, 0], dtype=torch.bool)
        loss = self.score_losses(scores, truth, match, match[:, 0] < 0)
        if self.confidence == "focal":
            loss = loss / 3
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
        if self.confidence != "logistic":
            wanted = torch.full_like(scores[:, 0], self.background, dtype=torch.long)
            wanted.scatter_reduce_(0, place, label, "amax", include_self=False)
            loss = F.cross_entropy(scores, wanted, reduction="none")
            if self.confidence == "focal":
                loss = 0.75 * (1 - (-loss).exp()) ** 2 * loss
            return loss
        wanted = torch.zeros_like(scores)
        if self.mining != "none":
            wanted[counts & (match[:, 0] < 0), self.background] = 1
        wanted[place, label] = 1
        loss = F.binary_cross_entropy_with_logits(scores, wanted, reduction="none")
        return loss.sum(1)
