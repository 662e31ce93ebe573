"""CenterGridLoss: what one scale of a detector without prior boxes trains on."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import MODES, check_rows, divided, marked_rows, sloped
from protonet.layers.loss import VALID, normalization
from protonet.program import Builder, Expr, F, nn, single, torch

_SIGMOID = 0


@register("CenterGridLoss")
class CenterGridLossLayer(Layer):
    """The loss of the sides and scores at the places that true boxes of fitting sizes cover.

    A map (n, 4 + 1, h, w) for SIGMOID, (n, 4 + 2, h, w) for SOFTMAX, or with has_lm 10 landmarks
    behind the 4 sides; true boxes (n, 1, m, 8 or 19) as AnnotatedData's yoloformat gives them; to
    one number. A box whose longer side is from low_bbox_scale to below up_bbox_scale pixels owns
    the places that it covers and no box before it does: there the distances of its sides and
    landmarks are learned by smooth L1, in units of bias_scale as a whole number. Of the scores'
    focal loss all places count but those covered last by another box than their owner. As in the
    fork the landmarks' gradient is multiplied by the loss_weight once more; images without boxes
    behind the last with some count for nothing with SIGMOID; net_width, loc_weight and the other
    losses' fields are not read. The fork leaves the probabilities in the bottom, which is kept
    here. Source: CenterGridLossLayer and center_bbox_util of yuqj1991's caffe_train.
    """

    param = "center_object_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "CenterGridLoss" bottom: "x" bottom: "label" top: "y" '
            "center_object_loss_param { num_class: 2 class_type: SOFTMAX bias_scale: 23 "
            "bias_num: 1 net_width: 32 net_height: 32 low_bbox_scale: 4 up_bbox_scale: 20 } }",
            {"x": (2, 6, 8, 8), "label": (2, 1, 3, 8)},
            {"y": ()},
            "self.loss = CenterGridLoss(23, 32, (4, 20))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        self.check_fields()
        p = self.p
        channels = (14 if p.has_lm else 4) + p.num_class
        if len(x) != 4 or x[1] != channels:
            landmarks = " with landmarks" if p.has_lm else ""
            what = f"{p.num_class} classes{landmarks} take {channels} channels, not {show(x)}"
            raise LayerError(what, "bottom", 0)
        check_rows(truth, x[0], p.has_lm, 1)
        return ((),)

    def check_fields(self) -> None:
        """LayerError where the fields do not go together."""
        p = self.p
        if not self.has("bias_num") or p.bias_num != 1 or len(p.bias_scale) != 1:
            what = "it takes bias_num: 1 and one bias_scale"
            stated = ("bias_scale",) if len(p.bias_scale) > 1 else ()
            raise LayerError(what, *stated)
        if not 1 <= p.bias_scale[0] < 2**31:
            what = f"bias_scale must be at least 1, not {single(p.bias_scale[0])}"
            raise LayerError(what, "bias_scale", 0)
        wanted = 1 if p.class_type == _SIGMOID else 2
        if p.num_class != wanted:
            kind = "SIGMOID" if wanted == 1 else "SOFTMAX"
            stated = ("num_class",) if self.has("num_class") else ()
            raise LayerError(f"{kind} takes num_class: {wanted}, not {p.num_class}", *stated)
        if p.has_lm and p.class_type == _SIGMOID:
            raise LayerError("has_lm takes class_type: SOFTMAX", "has_lm")
        if not p.share_location:
            raise LayerError("it takes share_location: true", "share_location")
        self.check_positive("net_height")
        if normalization(self.message.loss_param, VALID) >= len(MODES):
            raise LayerError("it has no PRE_FIXED normalization", "loss_param", "normalization")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (divided, marked_rows, sloped):
            b.helper(helper)
        p, weight = self.p, self.message.loss_weight
        given = {
            "by_sigmoid": p.class_type == _SIGMOID,
            "landmarks": bool(p.has_lm),
            "normalization": MODES[normalization(self.message.loss_param, VALID)],
            "loss_weight": single(weight[0]) if len(weight) and p.has_lm else 1.0,
        }
        options = {k: v for k, v in given.items() if v != getattr(CenterGridLoss, k)}
        sides = p.low_bbox_scale, p.up_bbox_scale
        module = b.module(CenterGridLoss, int(p.bias_scale[0]), p.net_height, sides, **options)
        return module(*bottoms)


class CenterGridLoss(nn.Module):
    """The loss of the distances of boxes' sides, and the focal loss of the scores."""

    by_sigmoid = False
    landmarks = False
    normalization = "valid"
    loss_weight = 1.0

    def __init__(
        self,
        scale: int,
        height: int,
        sides: tuple[int, int],
        **options: object,
    ) -> None:
        super().__init__()
        self.scale, self.height, self.sides = scale, height, sides
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, x: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        given, slope = x.detach(), torch.zeros_like(x)
        rows = [own[own[:, 0].long() != -1] for own in truth.detach()[:, 0]]
        last = max((image for image, own in enumerate(rows) if len(own)), default=-1)
        label = given.new_zeros(len(x), *x.shape[2:])
        sums = given.new_zeros(2)
        counts = [0, 0]
        for image, own in enumerate(rows):
            label[image], owner = self.owners(own, label[image])
            i, j = (owner >= 0).nonzero(as_tuple=True)
            mine = own[owner[i, j]]
            sums[0] += self.learn(given[image], slope[image], mine[:, 3:7], (i, j), 0)
            counts[0] += len(mine)
            if self.landmarks:
                sure = marked_rows(mine)
                at = i[sure], j[sure]
                sums[1] += self.learn(given[image], slope[image], mine[sure, 9:], at, 4)
                counts[1] += len(at[0])
        if last < 0:
            return sloped(x, sums[0], slope)
        right = self.scores(given, slope, label, last)
        by = [divided(self.normalization, len(x), count) for count in counts]
        slope = slope / by[0]
        if self.landmarks:
            slope[:, 4:14] *= 0.1 * self.loss_weight * by[0] / by[1]
        return sloped(x, (sums[0] + right) / by[0] + 0.1 * sums[1] / by[1], slope)

    def owners(
        self,
        rows: torch.Tensor,
        label: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Whether places are a box's (1), none's (0) or do not count (-1); and whose box, or -1."""
        height, width = label.shape
        edges = rows[:, 3:7] * rows.new_tensor([width, height, width, height])
        left, top, right, bottom = edges.long()[:, :, None].unbind(1)
        y = torch.arange(height, device=rows.device)
        x = torch.arange(width, device=rows.device)
        rows_in, columns_in = (y >= top) & (y < bottom), (x >= left) & (x < right)
        within = rows_in[:, :, None] & columns_in[:, None]
        side = ((edges[:, 2:] - edges[:, :2]) * (self.height / height)).long().amax(1)
        fits = (side >= self.sides[0]) & (side < self.sides[1])
        number = torch.arange(1, len(rows) + 1, device=rows.device)[:, None, None]
        none = torch.zeros_like(label, dtype=torch.long)[None]
        latest = torch.cat([none, within * number]).amax(0)
        owned = within & fits[:, None, None]
        first = torch.cat([none, owned * (len(rows) + 1 - number)]).amax(0)
        owner = torch.where(first > 0, len(rows) - first, -1)
        counted = torch.where(owner + 1 == latest, 1, -1)
        return torch.where(latest > 0, counted, 0).to(label), owner

    def learn(
        self,
        given: torch.Tensor,
        slope: torch.Tensor,
        wanted: torch.Tensor,
        at: tuple[torch.Tensor, torch.Tensor],
        start: int,
    ) -> torch.Tensor:
        """The loss of the distances from places to points, whose slope it notes."""
        height, width = given.shape[1:]
        points = wanted.reshape(len(wanted), wanted.shape[1] // 2, 2)
        points = points * points.new_tensor([width, height])
        middle = torch.stack([at[1], at[0]], 1)[:, None] + 0.5
        unit = self.scale / (self.height / height) / (2 if self.by_sigmoid else 1)
        goal = ((middle - points) / unit).flatten(1)
        channels = torch.arange(start, start + wanted.shape[1], device=given.device)
        place = channels[:, None], at[0], at[1]
        off = given[place] - goal.t()
        slope[place] = off.clamp(-1, 1)
        return F.smooth_l1_loss(off, torch.zeros_like(off), reduction="sum")

    def scores(
        self,
        given: torch.Tensor,
        slope: torch.Tensor,
        label: torch.Tensor,
        last: int,
    ) -> torch.Tensor:
        """The focal loss of the scores, whose slope it notes."""
        tiny = torch.finfo(torch.float32).tiny
        right, counts = label == 1, label >= 0
        if self.by_sigmoid:
            p = given[:, 4].sigmoid()
            sure, doubt = torch.where(right, p, 1 - p), torch.where(right, 1 - p, p)
            weight, power = 2.0, 4
            counts[last + 1 :] = False
        else:
            p = given[:, -2:].softmax(1)
            sure = torch.where(right, p[:, 1], p[:, 0])
            doubt, weight, power = 1 - sure, 0.25, 2
        log, focus = sure.clamp(min=tiny).log(), weight * doubt**power * counts
        steep = focus * (power * sure * log - doubt) * torch.where(right, 1, -1)
        slope[:, -1] = steep
        if not self.by_sigmoid:
            slope[:, -2] = -steep
        return -(focus * log).sum()
