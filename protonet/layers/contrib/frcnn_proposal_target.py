"""FrcnnProposalTarget: the labels of regions, of makefile's Faster R-CNN."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.boxes import box_deltas, box_iou
from protonet.layers.rcnn import PARAM, check_boxes, settings_of
from protonet.program import Builder, Expr, F, single, torch
from protonet.program.literal import to_single


@register("FrcnnProposalTarget")
class FrcnnProposalTarget(Layer):
    """Sample the regions and the true boxes, and say of each what it is and how far off.

    Regions (n, 5) and true boxes (m, 5) of x1, y1, x2, y2, class, to regions (k, 5, 1, 1), classes
    (k, 1, 1, 1), targets, inside and outside weights (k, 4 * classes, 1, 1). k is the settings'
    batch_size, to which background is repeated; which are taken is random. All else says the file
    of settings that the net's data layer names; proposal_target_param's stage of a cascade raises
    the overlaps by 0.1 each, and leaves out regions that overlap by gt_iou_thr. No gradient.
    Source: FrcnnProposalTargetLayer of makefile's frcnn.
    """

    param = PARAM
    settings_field = "config"
    bottoms = (2, 2)
    tops = (5, 5)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnProposalTarget" bottom: "x" bottom: "truth" '
            'top: "a" top: "b" top: "c" top: "d" top: "e" window_data_param { config_text: '
            '\'{"n_classes": "3", "batch_size": "128", "fg_fraction": "0.25", '
            '"fg_thresh": "0.5", "bg_thresh_hi": "0.5", "bg_thresh_lo": "0", '
            '"bbox_normalize_targets": "1", "bbox_normalize_means": "0, 0, 0, 0", '
            '"bbox_normalize_stds": "0.1, 0.1, 0.2, 0.2", '
            '"bbox_inside_weights": "1, 1, 1, 1"}\' } }',
            {"x": (4, 5), "truth": (2, 5)},
            {
                "a": (1, 5, 1, 1),
                "b": (1, 1, 1, 1),
                "c": (1, 12, 1, 1),
                "d": (1, 12, 1, 1),
                "e": (1, 12, 1, 1),
            },
            "a, b, c, d, e = frcnn_targets(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_boxes(dict(enumerate(bottoms)))
        for field, _ in self.message.proposal_target_param.ListFields():
            if field.name not in ("stage", "gt_iou_thr"):
                what = f"{field.name} belongs to another fork's layer and is not done here"
                raise LayerError(what, "proposal_target_param", field.name)
        classes, _ = self.facts()
        return (1, 5, 1, 1), (1, 1, 1, 1), *((1, 4 * classes, 1, 1),) * 3

    def facts(self) -> tuple[int, dict[str, object]]:
        """How many classes there are, and what is sampled."""
        given = settings_of(self)
        sample = given.whole("batch_size", 1)
        means: tuple[float, ...] = (0.0,) * 4
        spread: tuple[float, ...] = (1.0,) * 4
        if given.is_on("bbox_normalize_targets"):
            means = given.several("bbox_normalize_means", 4)
            spread = given.several("bbox_normalize_stds", 4)
        if min(spread) <= 0:
            raise LayerError("bbox_normalize_stds must be positive", "config")
        cascade = self.message.proposal_target_param
        more = 0.1 * cascade.stage
        low, high = (given.number(f"bg_thresh_{end}") for end in ("lo", "hi"))
        rest = {
            "sample": sample,
            "objects": int(to_single(to_single(given.number("fg_fraction")) * sample)),
            "object_overlap": single(given.number("fg_thresh") + more),
            "background": (low, single(high + more)),
            "any_background": high,
            "most_overlap": single(cascade.gt_iou_thr) if cascade.stage else None,
            "means": means,
            "spread": spread,
            "inside": given.several("bbox_inside_weights", 4),
        }
        return given.whole("n_classes", 2), rest

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, box_deltas, filled_up, by_class):
            b.helper(helper)
        classes, rest = self.facts()
        return b.call(frcnn_targets, *bottoms, classes, **rest)


def frcnn_targets(
    regions: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    sample: int = 128,
    objects: int = 32,
    object_overlap: float = 0.5,
    background: tuple[float, float] = (0.0, 0.5),
    any_background: float = 0.5,
    most_overlap: float | None = None,
    means: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
    spread: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2),
    inside: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0),
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Regions, classes, targets, inside and outside weights of a sample."""
    truth, regions = truth.reshape(-1, 5), regions.detach().reshape(-1, 5)
    if most_overlap is not None:
        best = box_iou(regions[:, 1:], truth[:, :4], pixels=True).amax(1)
        regions = regions[best < most_overlap]
    regions = torch.cat([regions, F.pad(truth[:, :4], (1, 0))])
    best, last = box_iou(regions[:, 1:], truth[:, :4], pixels=True).flip(1).max(1)
    nearest = len(truth) - 1 - last
    shown = (best >= object_overlap).nonzero()[:, 0]
    order = torch.randperm(len(shown), device=best.device)
    shown = shown[order[:objects]]
    empty = filled_up(best, (*background, any_background), sample, len(shown))
    chosen = torch.cat([shown, empty])
    regions, real = regions[chosen], truth[nearest[chosen]]
    labels = real[:, 4].clone()
    labels[len(shown) :] = 0
    deltas = box_deltas(regions[:, 1:], real[:, :4])
    deltas = (deltas - deltas.new_tensor(means)) / deltas.new_tensor(spread)
    regions = F.pad(regions[:, 1:], (1, 0))
    tops = (regions, labels[:, None], *by_class(deltas, labels, classes, inside))
    a, b, c, d, e = (top[:, :, None, None] for top in tops)
    return a, b, c, d, e


def by_class(
    deltas: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    inside: tuple[float, ...],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Targets, inside and outside weights (k, 4 * classes), 0 but for the region's class."""
    weights = F.one_hot(labels.long(), classes).to(deltas)
    weights[:, 0] = 0
    weights = weights.repeat_interleave(4, 1)
    targets = torch.where(weights > 0, deltas.repeat(1, classes), 0)
    within = weights * weights.new_tensor(inside).repeat(classes)
    return targets, within, (within > 0).to(within)


def filled_up(
    best: torch.Tensor,
    limits: tuple[float, float, float],
    sample: int,
    shown: int,
) -> torch.Tensor:
    """Which regions are background, by their overlap, of a sample with so many objects.

    Where there are too few, they are taken again and again; where there is none, those below the
    last of the ``limits``, or, without an object, below the first.
    """
    low, high, highest = limits
    wanted = sample - shown
    empty = ((best >= low) & (best < high)).nonzero()[:, 0]
    empty = empty[torch.randperm(len(empty), device=best.device)[:wanted]]
    if len(empty) == 0 and shown == 0:
        rest = (best < low).nonzero()[:, 0]
        rest = rest[torch.randperm(len(rest), device=best.device)[:wanted]]
        return F.pad(rest, (0, wanted - len(rest))) if len(rest) else rest
    if len(empty) == 0:
        empty = (best < highest).nonzero()[:, 0]
    if len(empty) == 0:
        return empty
    return empty.repeat(-(-wanted // len(empty)))[:wanted]
