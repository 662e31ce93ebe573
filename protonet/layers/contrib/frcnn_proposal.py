"""FrcnnProposal: the regions of a proposal network, of makefile's Faster R-CNN."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import apply_deltas, box_iou, nms, shifted_anchors
from protonet.layers.rcnn import PARAM, settings_of
from protonet.layers.regions import falling
from protonet.program import Builder, Expr, F, torch


@register("FrcnnProposal")
class FrcnnProposal(Layer):
    """Move anchors by their deltas, and keep the best that do not overlap, as regions.

    Scores (1, 2 * anchors, h, w), deltas (1, 4 * anchors, h, w) and the size (1, 3) of height,
    width and scale, to regions (found, 5, 1, 1) of image, x1, y1, x2, y2 in pixels; a second top
    has the scores, (found, 1, 1, 1). How many follows from the data, where shapes say 1. All else
    says the file of settings that the net's data layer names, or, in a net without one, that of
    config. No gradient. Source: FrcnnProposalLayer of makefile's frcnn, on its CPU.
    """

    param = PARAM
    settings_field = "config"
    bottoms = (3, 3)
    tops = (1, 2)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnProposal" bottom: "x" bottom: "delta" bottom: "size" '
            'top: "y" window_data_param { config_text: \'{'
            '"anchors": "-84,-40,99,55, -56,-56,71,72", "feat_stride": "16", '
            '"test_rpn_pre_nms_top_n": "6000", "test_rpn_post_nms_top_n": "300", '
            '"test_rpn_nms_thresh": "0.7", "test_rpn_min_size": "16", '
            '"rpn_pre_nms_top_n": "12000", "rpn_post_nms_top_n": "2000", '
            '"rpn_nms_thresh": "0.7", "rpn_min_size": "16"}\' } }',
            {"x": (1, 4, 4, 5), "delta": (1, 8, 4, 5), "size": (1, 3)},
            {"y": (1, 5, 1, 1)},
            "y = frcnn_regions(x, delta, size, l_anchors, 16)[0]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, deltas, size = bottoms
        anchors = len(self.facts()[0])
        for index, (x, each) in enumerate(((scores, 2), (deltas, 4))):
            if len(x) != 4 or x[:2] != (1, each * anchors):
                what = f"{anchors} anchors take one image of {each * anchors} channels"
                raise LayerError(f"{what}, not {show(x)}", "bottom", index)
        if count(size) != 3:
            raise LayerError(f"it takes a size (1, 3), not {show(size)}", "bottom", 2)
        return ((1, 5, 1, 1), (1, 1, 1, 1))[: len(self.message.top)]

    def facts(self) -> tuple[list[tuple[float, ...]], int, dict[str, object]]:
        """The anchors around the first place, their step, and which are kept."""
        given, form = settings_of(self), "" if self.phase == "TRAIN" else "test_"
        if given.is_on("test_soft_nms"):
            raise LayerError("soft suppression, test_soft_nms, is not done", "config")
        own = self.message.proposal_param
        stride = own.feat_stride if own.HasField("feat_stride") and own.feat_stride else None
        rest: dict[str, object] = {
            "before": given.whole(f"{form}rpn_pre_nms_top_n", 1),
            "most": given.whole(f"{form}rpn_post_nms_top_n", 1),
            "overlap": given.number(f"{form}rpn_nms_thresh"),
            "least": int(given.number(f"{form}rpn_min_size")),
            "sure": given.number("test_rpn_score_thresh") if form else 0.0,
        }
        return given.anchors, stride or given.whole("feat_stride", 1), rest

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        for helper in (box_iou, nms, apply_deltas, shifted_anchors, falling):
            b.helper(helper)
        anchors, stride, rest = self.facts()
        given = b.call(frcnn_regions, *bottoms, b.let("anchors", anchors), stride, **rest)
        return given if len(b.tops) == 2 else (given[0],)


def frcnn_regions(
    scores: torch.Tensor,
    deltas: torch.Tensor,
    size: torch.Tensor,
    anchors: list[tuple[float, ...]],
    stride: int,
    before: int = 6000,
    most: int = 300,
    overlap: float = 0.7,
    least: int = 16,
    sure: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions (n, 5, 1, 1) of image and corners, and their scores (n, 1, 1, 1).

    Of a place's anchors the first is kept, the others from a score of ``sure`` on.
    """
    places = shifted_anchors(anchors, stride, scores)
    high, wide, scale = size.flatten().tolist()
    score = scores[0, len(anchors) :].detach().permute(1, 2, 0)
    first = torch.arange(len(anchors), device=score.device) == 0
    counts = ((score >= sure) | first).flatten()
    score, delta = score.flatten(), deltas[0].detach().permute(1, 2, 0).reshape(-1, 4)
    boxes = apply_deltas(places, delta)
    limits = boxes.new_tensor([wide, high, wide, high]) - 1
    boxes = torch.minimum(boxes, limits).clamp(min=0)
    counts &= (boxes[:, 2:] - boxes[:, :2] + 1 >= least * scale).all(1)
    score, boxes = score[counts], boxes[counts]
    order = falling(score)[:before]
    score, boxes = score[order], boxes[order]
    kept = nms(boxes, overlap, pixels=True, most=most)
    regions = F.pad(boxes[kept], (1, 0))
    return regions[:, :, None, None], score[kept][:, None, None, None]
