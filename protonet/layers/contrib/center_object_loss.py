"""CenterObjectLoss: what a heat map of centres and the boxes around them train on."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import (
    MODES,
    bump_reach,
    check_rows,
    divided,
    drawn_heat,
    heatmap_focal,
    marked_rows,
    sloped,
)
from protonet.layers.loss import VALID, normalization
from protonet.program import Builder, Expr, F, nn, single, torch

_LOSSES = ("l2", "smooth_l1")


@register("CenterObjectLoss", "CenterObjectSingleLoss")
class CenterObjectLossLayer(Layer):
    """The loss of the boxes at the centres of the true ones, and of the heat of all places.

    Boxes (n, 4, h, w) of the centre's offset and the logarithms of width and height, in places,
    behind them with has_lm 10 landmarks from the centre, in parts of the box; scores before the
    sigmoid, (n, num_class, h, w), and true boxes (1, 1, m, 8 or 19), to one number. As
    CenterObjectSingleLoss offsets (n, 2, h, w), sizes and landmarks (n, 10, h, w) around the scores
    are bottoms of their own. As in the fork loc_weight multiplies the gradient and not the loss,
    sizes and landmarks weigh a tenth (alone as CenterObjectLoss), boxes of at most 4 places are
    passed over (their centres alone as CenterObjectSingleLoss), and of several at one place the
    last is learned. Those passed over add nothing, where the fork adds what lay in its memory; a
    batch without boxes, at which it stops, costs nothing. down_ratio and the other losses' fields
    are not read. Source: CenterObjectLossLayer, CenterObjectSingleLossLayer and center_bbox_util of
    yuqj1991's caffe_train.
    """

    param = "center_object_loss_param"
    bottoms = (3, 5)
    is_loss = True
    examples = (
        Example(
            'layer { name: "loss" type: "CenterObjectLoss" bottom: "x" bottom: "score" '
            'bottom: "label" top: "y" center_object_loss_param { has_lm: true } }',
            {"x": (2, 14, 8, 8), "score": (2, 1, 8, 8), "label": (1, 1, 3, 19)},
            {"y": ()},
            "self.loss = CenterObjectLoss(landmarks=True)",
        ),
        Example(
            'layer { name: "loss" type: "CenterObjectSingleLoss" bottom: "x" bottom: "size" '
            'bottom: "score" bottom: "label" top: "y" center_object_loss_param { num_class: 2 } }',
            {"x": (2, 2, 8, 8), "size": (2, 2, 8, 8), "score": (2, 2, 8, 8), "label": (1, 1, 3, 8)},
            {"y": ()},
            "y = self.loss(torch.cat([x, size], 1), score, label)",
        ),
    )

    @property
    def is_apart(self) -> bool:
        """Whether offsets, sizes and landmarks are bottoms of their own."""
        return bool(self.message.type == "CenterObjectSingleLoss")

    def constant_bottoms(self) -> tuple[int, ...]:
        return (len(self.message.bottom) - 1,)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        p = self.p
        wanted = 4 + p.has_lm if self.is_apart else 3
        if len(bottoms) != wanted:
            what = f"it takes {wanted} bottoms, not {len(bottoms)}"
            raise LayerError(what, "bottom", min(wanted, len(bottoms) - 1))
        if not p.share_location:
            raise LayerError("it takes share_location: true", "share_location")
        if normalization(self.message.loss_param, VALID) >= len(MODES):
            raise LayerError("it has no PRE_FIXED normalization", "loss_param", "normalization")
        channels = (2, 2, p.num_class, 10) if self.is_apart else (4 + 10 * p.has_lm, p.num_class)
        first = bottoms[0]
        for index, (x, each) in enumerate(zip(bottoms[:-1], channels, strict=False)):
            if len(x) != 4 or x != (first[0], each, *first[2:]) or not each:
                shape = (
                    f"{first[0]}x{each}x{show(first[2:])}" if len(first) == 4 else f"Nx{each}xHxW"
                )
                raise LayerError(f"it takes {shape}, not {show(x)}", "bottom", index)
        check_rows(bottoms[-1], None, p.has_lm, len(bottoms) - 1)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (bump_reach, divided, drawn_heat, heatmap_focal, marked_rows, sloped):
            b.helper(helper)
        p, down = self.p, [*self.message.propagate_down, *[True] * 4]
        apart = self.is_apart
        sizes, heat, marks = (down[1], down[2], down[3]) if apart else (down[0], down[1], down[0])
        tenth = 1.0 if apart else 0.1
        given = {
            "landmarks": bool(p.has_lm),
            "location": _LOSSES[p.loc_loss_type],
            "landmark": _LOSSES[p.lm_loss_type] if p.has_lm else "smooth_l1",
            "normalization": MODES[normalization(self.message.loss_param, VALID)],
            "slope_weight": single(p.loc_weight),
            "offset_weight": 1.0 if down[0] else 0.0,
            "size_weight": tenth if sizes else 0.0,
            "score_weight": 1.0 if heat else 0.0,
            "landmark_weight": tenth if marks else 0.0,
            "takes_small": apart,
        }
        options = {k: v for k, v in given.items() if v != getattr(CenterObjectLoss, k)}
        boxes, scores, truth = bottoms[0], bottoms[-2], bottoms[-1]
        if apart:
            scores = bottoms[2]
            parts = [bottoms[0], bottoms[1], *bottoms[3:-1]]
            boxes = b.call(torch.cat, parts, 1)
        return b.module(CenterObjectLoss, **options)(boxes, scores, truth)


class CenterObjectLoss(nn.Module):
    """The distances of boxes from the true ones at their centres, and the scores' focal loss."""

    landmarks = False
    location = "smooth_l1"
    landmark = "smooth_l1"
    normalization = "valid"
    slope_weight = 1.0
    offset_weight = 1.0
    size_weight = 0.1
    score_weight = 1.0
    landmark_weight = 0.1
    takes_small = False

    def __init__(self, **options: object) -> None:
        super().__init__()
        for name, value in options.items():
            setattr(self, name, value)

    def forward(
        self,
        boxes: torch.Tensor,
        scores: torch.Tensor,
        truth: torch.Tensor,
    ) -> torch.Tensor:
        given, slope = boxes.detach(), torch.zeros_like(boxes)
        rows = truth.detach()[0, 0]
        rows = rows[rows[:, 0].long() != -1]
        heat_value, heat_slope = given.new_zeros(()), torch.zeros_like(scores)
        if len(rows):
            heat = drawn_heat(rows, scores)
            heat_value, heat_slope = heatmap_focal(scores.detach(), heat)
        near, marked = self.distances(given, slope, rows)
        by = divided(self.normalization, len(given), len(rows))
        value = near / by
        slope[:, :4] *= self.slope_weight / by
        if self.landmarks:
            count = int(marked_rows(rows).sum())
            by_marks = divided(self.normalization, len(given), count)
            value = value + marked / by_marks
            slope[:, 4:] *= self.slope_weight / by_marks
        scale = self.score_weight / by
        warm = sloped(scores, scale * heat_value, scale * heat_slope)
        return sloped(boxes, value, slope) + warm

    def distances(
        self,
        given: torch.Tensor,
        slope: torch.Tensor,
        rows: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses of boxes and of landmarks at the true centres, whose slopes it notes."""
        side = rows.new_tensor([given.shape[3], given.shape[2]])
        low, high = rows[:, 3:5] * side, rows[:, 5:7] * side
        if not self.takes_small:
            large = (high - low).prod(1) * 16 > 64
            rows, low, high = rows[large], low[large], high[large]
        middle, size = (low + high) / 2, high - low
        place = torch.minimum(middle.long(), side.long() - 1)
        at = rows[:, 0].long(), place[:, 1], place[:, 0]
        goal = torch.cat([middle - place, size.log()], 1)
        weight = given.new_tensor([self.offset_weight] * 2 + [self.size_weight] * 2)
        near = self.learn(given, slope, at, goal, (0, self.location, weight))
        if not self.landmarks:
            return near, near
        sure = marked_rows(rows)
        points = rows[sure, 9:].reshape(-1, 5, 2) * side - place[sure, None]
        goal = (points / size[sure, None]).flatten(1)
        at = at[0][sure], at[1][sure], at[2][sure]
        weight = given.new_tensor(self.landmark_weight)
        return near, self.learn(given, slope, at, goal, (4, self.landmark, weight))

    def learn(
        self,
        given: torch.Tensor,
        slope: torch.Tensor,
        at: tuple[torch.Tensor, ...],
        goal: torch.Tensor,
        how: tuple[int, str, torch.Tensor],
    ) -> torch.Tensor:
        """The loss of what is given at places; of several at one the last leaves its slope."""
        start, kind, weight = how
        image, i, j = at
        channels = torch.arange(start, start + goal.shape[1], device=goal.device)
        place = image[:, None], channels, i[:, None], j[:, None]
        off = given[place] - goal
        key = (image * given.shape[2] + i) * given.shape[3] + j
        last = (key[:, None] == key).triu(1).sum(1) == 0
        step = off if kind == "l2" else off.clamp(-1, 1)
        place = image[last, None], channels, i[last, None], j[last, None]
        slope[place] = (weight * step)[last]
        none = torch.zeros_like(off)
        if kind == "l2":
            loss = F.mse_loss(off, none, reduction="none") / 2
        else:
            loss = F.smooth_l1_loss(off, none, reduction="none")
        return (weight * loss).sum()
