"""Proposal: the regions of a proposal network, in C++ in PVANet's and happynear's forks."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.boxes import apply_deltas, box_iou, nms, shifted_anchors
from protonet.program import Builder, Expr, F, single, torch


@register("Proposal")
class Proposal(Layer):
    """Move anchors by their deltas, and keep the best that do not overlap, as regions.

    Scores (n, 2 * anchors, h, w), deltas (n, 4 * anchors, h, w) and the size (1, 4) of height,
    width and their scales, or (1, 3) of one scale for both, which the fork reads beyond where it is
    not PVANet's (1, 6), to regions (found, 5) of image, x1, y1, x2, y2; a second top has the
    scores, (found). How many follows from the data, where shapes say n * post_nms_topn. A region
    that is too small counts as of score 0. No gradient. Source: happynear's ProposalLayer.
    """

    param = "proposal_param"
    bottoms = (3, 3)
    tops = (1, 2)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "Proposal" bottom: "x" bottom: "delta" bottom: "size" '
            'top: "y" proposal_param { ratio: 1 scale: 128 scale: 256 } }',
            {"x": (1, 4, 4, 5), "delta": (1, 8, 4, 5), "size": (1, 4)},
            {"y": (300, 5)},
            "y = proposals(x, delta, size, l_anchors, 16)[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, deltas, size = bottoms
        self.check_fields()
        anchors = len(self.anchors())
        for index, (x, each) in enumerate(((scores, 2), (deltas, 4))):
            if len(x) != 4 or x[1] != each * anchors:
                what = f"{anchors} anchors take {each * anchors} channels, not {show(x)}"
                raise LayerError(what, "bottom", index)
        if len(size) != 2 or size[1] < 3:
            what = "it takes a size (1, 4): height, width and their scales, or (1, 3) of one scale"
            raise LayerError(f"{what}, not {show(size)}", "bottom", 2)
        most = scores[0] * self.p.post_nms_topn
        return ((most, 5), (most,))[: len(self.message.top)]

    def check_fields(self) -> None:
        """LayerError where the fields make no anchors."""
        if not len(self.p.ratio) or not len(self.p.scale):
            raise LayerError("it has no anchors", hint="give ratio and scale at least once")
        for field in ("ratio", "scale"):
            for index, value in enumerate(getattr(self.p, field)):
                if not 0 < value < math.inf:
                    what = f"{field} must be positive and finite, it is {single(value)}"
                    raise LayerError(what, field, index)
        if not self.p.base_size:
            raise LayerError("base_size must be positive, it is 0", "base_size")

    def anchors(self) -> list[tuple[float, ...]]:
        """The anchors around the first place; sizes round to whole pixels, halves up."""
        base, boxes = self.p.base_size, []
        center = (base - 1) / 2
        for ratio in self.p.ratio:
            width = math.sqrt(base * base / ratio)
            for scale in self.p.scale:
                sides = (width * scale / base - 1, width * ratio * scale / base - 1)
                x, y = (math.trunc(side + 0.5) / 2 for side in sides)
                boxes.append((center - x, center - y, center + x, center + y))
        return [tuple(box) for box in boxes]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (box_iou, nms, apply_deltas, shifted_anchors):
            b.helper(helper)
        given = b.call(
            proposals,
            *bottoms,
            b.let("anchors", self.anchors()),
            self.p.feat_stride,
            before=self.p.pre_nms_topn,
            most=self.p.post_nms_topn,
            overlap=single(self.p.nms_thresh),
            least=self.p.min_size,
        )
        return given if len(b.tops) == 2 else (given[0],)


@register("ProposalCluster")
class ProposalCluster(Proposal):
    """Proposal with anchors of stated widths and heights, which its scales are by twos.

    As Proposal in all else. Source: ProposalClusterLayer of cgangEE's ohem.
    """

    examples = (
        Example(
            'layer { name: "l" type: "ProposalCluster" bottom: "x" bottom: "delta" '
            'bottom: "size" top: "y" proposal_param { scale: 128 scale: 64 } }',
            {"x": (1, 2, 4, 5), "delta": (1, 4, 4, 5), "size": (1, 4)},
            {"y": (300, 5)},
            "y = proposals(x, delta, size, l_anchors, 16)[0]",
        ),
    )

    def check_fields(self) -> None:
        number = len(self.p.scale)
        if not number or number % 2:
            what = f"scale is given {number} times, and takes a width and a height by turns"
            where: tuple[str | int, ...] = ("scale", number - 1) if number else ()
            raise LayerError(what, *where)
        if len(self.p.ratio):
            raise LayerError("its anchors have no ratios, but sizes", "ratio")

    def anchors(self) -> list[tuple[float, ...]]:
        """The anchors around the first place."""
        center, scale = (self.p.base_size - 1) / 2, [single(s) for s in self.p.scale]
        halves = [((w - 1) / 2, (h - 1) / 2) for w, h in zip(scale[::2], scale[1::2], strict=True)]
        return [(center - x, center - y, center + x, center + y) for x, y in halves]


def proposals(
    scores: torch.Tensor,
    deltas: torch.Tensor,
    size: torch.Tensor,
    anchors: list[tuple[float, ...]],
    stride: int,
    before: int = 6000,
    most: int = 300,
    overlap: float = 0.7,
    least: float = 16,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions (n, 5) of image and corners, and their scores (n)."""
    places = shifted_anchors(anchors, stride, scores)
    high, wide, down, *others = size[0, :4].tolist()
    right = others[0] if others else down
    limits = places.new_tensor([wide, high, wide, high]) - 1
    smallest = places.new_tensor([right, down]) * least
    regions, found = [], []
    for image in range(len(scores)):
        score = scores[image, len(anchors) :].detach().permute(1, 2, 0).flatten()
        delta = deltas[image].detach().permute(1, 2, 0).reshape(-1, 4)
        boxes = torch.minimum(apply_deltas(places, delta), limits).clamp(min=0)
        large = (boxes[:, 2:] - boxes[:, :2] + 1 >= smallest).all(1)
        score, order = (score * large).sort(descending=True, stable=True)
        boxes = boxes[order[:before]]
        kept = nms(boxes, overlap, pixels=True, most=most)
        regions.append(F.pad(boxes[kept], (1, 0), value=image))
        found.append(score[kept])
    return torch.cat(regions), torch.cat(found)
