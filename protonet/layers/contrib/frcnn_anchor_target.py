"""FrcnnAnchorTarget: the labels of anchors, of makefile's Faster R-CNN."""

from __future__ import annotations

from protonet.layers.anchors import anchor_labels, anchor_targets, thin_out
from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_deltas, box_iou, shifted_anchors
from protonet.layers.rcnn import PARAM, check_boxes, settings_of
from protonet.program import Builder, Expr
from protonet.program.literal import to_single


@register("FrcnnAnchorTarget")
class FrcnnAnchorTarget(Layer):
    """Label a sample of the anchors by how they overlap the true boxes, and say how far they are.

    Scores (1, 2 * anchors, h, w), true boxes (m, 5) of x1, y1, x2, y2, class, and the size (1, 3),
    to labels (1, 1, anchors * h, w) of 1, 0 or -1 for neither, and to targets, inside and outside
    weights (1, 4 * anchors, h, w). Which count is random. All else says the file of settings that
    the net's data layer names. No gradient. Source: FrcnnAnchorTargetLayer of makefile's frcnn.
    """

    param = PARAM
    settings_field = "config"
    bottoms = (3, 3)
    tops = (4, 4)
    examples = (
        Example(
            'layer { name: "l" type: "FrcnnAnchorTarget" bottom: "x" bottom: "truth" '
            'bottom: "size" top: "a" top: "b" top: "c" top: "d" '
            "window_data_param { config_text: '{"
            '"anchors": "-84,-40,99,55, -56,-56,71,72", "feat_stride": "16", '
            '"rpn_allowed_border": "0", "rpn_batchsize": "256", "rpn_fg_fraction": "0.5", '
            '"rpn_negative_overlap": "0.3", "rpn_positive_overlap": "0.7", '
            '"rpn_clobber_positives": "0", "rpn_bbox_inside_weights": "1, 1, 1, 1", '
            '"rpn_positive_weight": "-1"}\' } }',
            {"x": (1, 4, 4, 5), "truth": (2, 5), "size": (1, 3)},
            {
                "a": (1, 1, 8, 5),
                "b": (1, 8, 4, 5),
                "c": (1, 8, 4, 5),
                "d": (1, 8, 4, 5),
            },
            "a, b, c, d = anchor_targets(",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, _, size = bottoms
        anchors = len(self.facts()[0])
        if len(scores) != 4 or scores[:2] != (1, 2 * anchors):
            what = f"{anchors} anchors take scores of one image and {2 * anchors} channels"
            raise LayerError(f"{what}, not {show(scores)}", "bottom", 0)
        check_boxes({1: bottoms[1]})
        if count(size) != 3:
            raise LayerError(f"it takes a size (1, 3), not {show(size)}", "bottom", 2)
        height, width = scores[2:]
        return (1, 1, anchors * height, width), *((1, 4 * anchors, height, width),) * 3

    def facts(self) -> tuple[list[tuple[float, ...]], int, dict[str, object]]:
        """The anchors around the first place, their step, and how they are sampled."""
        given = settings_of(self)
        sample = given.whole("rpn_batchsize", 1)
        part = given.number("rpn_positive_weight")
        if part >= 0 and not 0 < part < 1:
            what = f"rpn_positive_weight is negative, or between 0 and 1, not {part:g}"
            raise LayerError(what, "config")
        rest = {
            "border": given.number("rpn_allowed_border"),
            "overlaps": tuple(
                given.number(f"rpn_{end}_overlap") for end in ("negative", "positive")
            ),
            "sample": sample,
            "positives": int(to_single(to_single(given.number("rpn_fg_fraction")) * sample)),
            "clobbers": given.is_on("rpn_clobber_positives"),
            "inside": given.several("rpn_bbox_inside_weights", 4),
            "part": None if part < 0 else part,
        }
        return given.anchors, given.whole("feat_stride", 1), rest

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, box_deltas, shifted_anchors, anchor_labels, thin_out):
            b.helper(helper)
        anchors, stride, rest = self.facts()
        return b.call(anchor_targets, *bottoms, b.let("anchors", anchors), stride, **rest)
