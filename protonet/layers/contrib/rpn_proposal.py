"""rpn.proposal_layer: the regions of py-faster-rcnn's proposal network, without its Python."""

from __future__ import annotations

from typing import Any

from protonet.layers.base import Example, LayerError, Shape, register
from protonet.layers.boxes import (
    anchor_boxes,
    apply_deltas,
    box_iou,
    nms,
    shifted_anchors,
)
from protonet.layers.param_str import Namesake, options
from protonet.program import Builder, Expr, F, torch
from protonet.schema.param_str import SIZES, WHOLE


@register("rpn.proposal_layer.ProposalLayer")
class RpnProposal(Namesake):
    """Move anchors by their deltas, and keep the best that do not overlap, as regions.

    Scores (n, 2 * anchors, h, w), deltas (n, 4 * anchors, h, w) and sizes (n, 3) of height, width
    and scale, to regions (found, 5) of image, x1, y1, x2, y2 in pixels; a second top has the
    scores, (found, 1). How many follows from the data, where shapes say 1. TRAIN keeps 2000 of
    12000, TEST 300 of 6000, of at least 16 pixels, by an overlap of 0.7. param_str states
    feat_stride, scales and ratios. No gradient. Source: lib/rpn/proposal_layer.py of
    py-faster-rcnn, with the settings of its fast_rcnn/config.py.
    """

    param = "python_param"
    known = ("feat_stride", "scales", "ratios")
    bottoms = (3, 3)
    tops = (1, 2)
    grows = 0
    examples = (
        Example(
            'layer { name: "proposal" type: "Python" bottom: "x" bottom: "delta" bottom: "size" '
            'top: "y" python_param { module: "rpn.proposal_layer" layer: "ProposalLayer" '
            "param_str: \"{'feat_stride': 16, 'scales': [8]}\" } }",
            {"x": (1, 6, 4, 5), "delta": (1, 12, 4, 5), "size": (1, 3)},
            {"y": (1, 5)},
            "y = rpn_proposals(x, delta, size, proposal_anchors, 16)[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, deltas, sizes = bottoms
        anchors = len(self.anchors())
        for index, (x, each) in enumerate(((scores, 2), (deltas, 4))):
            if len(x) != 4 or x[1] != each * anchors:
                given = x[1] if len(x) > 1 else 0
                what = f"{anchors} anchors take {each * anchors} channels, not {given}"
                hint = "its scales make an anchor for each of its ratios, 9 where it states none"
                raise LayerError(what, "bottom", index, hint=hint)
        if len(sizes) != 2 or sizes[1] < 3:
            raise LayerError("it takes sizes (n, 3): height, width and scale", "bottom", 2)
        return ((1, 5), (1, 1))[: len(self.message.top)]

    def options(self) -> dict[str, Any]:
        """The values of param_str."""
        given = options(self.p, feat_stride=WHOLE, scales=SIZES, ratios=SIZES)
        if "feat_stride" not in given:
            raise LayerError("param_str states no 'feat_stride'", "param_str")
        return given

    def anchors(self) -> list[tuple[float, ...]]:
        """The anchors around the first place."""
        given = self.options()
        return anchor_boxes(given.get("scales", (8, 16, 32)), given.get("ratios", (0.5, 1, 2)))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (box_iou, nms, apply_deltas, shifted_anchors):
            b.helper(helper)
        trains = self.phase == "TRAIN"
        given = b.call(
            rpn_proposals,
            *bottoms,
            b.let("anchors", self.anchors()),
            self.options()["feat_stride"],
            before=12000 if trains else 6000,
            most=2000 if trains else 300,
        )
        return given if len(b.tops) == 2 else (given[0],)


def rpn_proposals(
    scores: torch.Tensor,
    deltas: torch.Tensor,
    sizes: torch.Tensor,
    anchors: list[tuple[float, ...]],
    stride: int,
    before: int = 6000,
    most: int = 300,
    overlap: float = 0.7,
    least: float = 16.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions (n, 5) of image and corners, and their scores (n, 1)."""
    places = shifted_anchors(anchors, stride, scores)
    regions, found = [], []
    for image, (high, wide, scale) in enumerate(sizes[:, :3].tolist()):
        score = scores[image, len(anchors) :].detach().permute(1, 2, 0).flatten()
        delta = deltas[image].detach().permute(1, 2, 0).reshape(-1, 4)
        boxes = apply_deltas(places, delta).clamp(min=0)
        boxes = torch.minimum(boxes, boxes.new_tensor([wide, high, wide, high]) - 1)
        large = (boxes[:, 2:] - boxes[:, :2] + 1 >= least * scale).all(1)
        score, order = score[large].sort(descending=True, stable=True)
        boxes = boxes[large][order[:before]]
        kept = nms(boxes, overlap, pixels=True, most=most)
        regions.append(F.pad(boxes[kept], (1, 0), value=image))
        found.append(score[kept, None])
    return torch.cat(regions), torch.cat(found)
