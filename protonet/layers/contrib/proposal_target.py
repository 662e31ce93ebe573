"""rpn.proposal_target_layer: the labels of py-faster-rcnn's regions, without its Python."""

from __future__ import annotations

from protonet.layers.base import Example, LayerError, Shape, register
from protonet.layers.boxes import box_deltas, box_iou
from protonet.layers.param_str import Namesake, options
from protonet.program import Builder, Expr, F, torch
from protonet.schema.param_str import WHOLE
from protonet.schema.pool import Message

_DIVIDED = (
    "as in py-faster-rcnn, its targets are divided by 0.1, 0.1, 0.2, 0.2; what learns them is to "
    "be multiplied by these before boxes are taken from it"
)


@register("rpn.proposal_target_layer.ProposalTargetLayer")
class ProposalTarget(Namesake):
    """Sample the regions and the true boxes, and say of each what it is and how far off.

    Regions (n, 5) and true boxes (m, 5) of x1, y1, x2, y2, class, to regions (k, 5), classes (k),
    targets, inside and outside weights (k, 4 * classes). k is at most 128, 32 of them no
    background; which is random. Two classes mean any object and none, whatever the true class.
    param_str states num_classes. No gradient. Source: py-faster-rcnn,
    lib/rpn/proposal_target_layer.py, with the settings of its faster_rcnn_end2end.yml: targets are
    divided by 0.1, 0.1, 0.2, 0.2, and background overlaps by less than a half.
    """

    param = "python_param"
    known = ("num_classes",)
    bottoms = (2, 2)
    tops = (5, 5)
    grows = 0
    examples = (
        Example(
            'layer { name: "roi-data" type: "Python" bottom: "x" bottom: "truth" '
            'top: "a" top: "b" top: "c" top: "d" top: "e" python_param { '
            'module: "rpn.proposal_target_layer" layer: "ProposalTargetLayer" '
            "param_str: \"'num_classes': 3\" } }",
            {"x": (4, 5), "truth": (2, 5)},
            {"a": (1, 5), "b": (1,), "c": (1, 12), "d": (1, 12), "e": (1, 12)},
            "a, b, c, d, e = proposal_targets(x, truth, 3)",
        ),
    )

    def __init__(self, message: Message, phase: str = "TEST") -> None:
        super().__init__(message, phase)
        self.note = _DIVIDED if phase == "TRAIN" else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, x in enumerate(bottoms):
            if len(x) < 2 or x[1] != 5:
                raise LayerError("it takes boxes (n, 5)", "bottom", index)
        return (1, 5), (1,), *((1, 4 * self.classes),) * 3

    @property
    def classes(self) -> int:
        """How many classes param_str states."""
        given: int = options(self.p, num_classes=WHOLE).get("num_classes", 0)
        if given < 2:
            raise LayerError("param_str states no 'num_classes' of at least 2", "param_str")
        return given

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, box_deltas):
            b.helper(helper)
        return b.call(proposal_targets, *bottoms, self.classes)


def proposal_targets(
    regions: torch.Tensor,
    truth: torch.Tensor,
    classes: int,
    sample: int = 128,
    objects: float = 0.25,
    object_overlap: float = 0.5,
    background_overlaps: tuple[float, float] = (0.0, 0.5),
    spread: tuple[float, ...] = (0.1, 0.1, 0.2, 0.2),
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Regions, classes, targets, inside and outside weights of a sample."""
    truth = truth.reshape(-1, 5)
    regions = torch.cat([regions.reshape(-1, 5), F.pad(truth[:, :4], (1, 0))]).detach()
    best, nearest = box_iou(regions[:, 1:], truth[:, :4], pixels=True).max(1)
    low, high = background_overlaps
    shown = (best >= object_overlap).nonzero()[:, 0]
    empty = ((best >= low) & (best < high)).nonzero()[:, 0]
    order = torch.randperm(len(shown), device=best.device)
    shown = shown[order[: round(objects * sample)]]
    order = torch.randperm(len(empty), device=best.device)
    empty = empty[order[: sample - len(shown)]]
    chosen = torch.cat([shown, empty])
    regions, real = regions[chosen], truth[nearest[chosen]]
    labels = real[:, 4].clone()
    labels[len(shown) :] = 0
    deltas = box_deltas(regions[:, 1:], real[:, :4])
    deltas = deltas / deltas.new_tensor(spread)
    group = (labels > 0).long() if classes == 2 else labels.long()
    weights = F.one_hot(group, classes).to(deltas)
    weights[:, 0] = 0
    weights = weights.repeat_interleave(4, 1)
    targets = torch.where(weights > 0, deltas.repeat(1, classes), 0)
    return regions, labels, targets, weights, weights
