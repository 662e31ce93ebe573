"""rpn.anchor_target_layer: the labels of py-faster-rcnn's anchors, without its Python."""

from __future__ import annotations

from typing import Any

from protonet.layers.anchors import anchor_labels, anchor_targets, thin_out
from protonet.layers.base import Example, LayerError, Shape, register
from protonet.layers.boxes import anchor_boxes, box_deltas, box_iou, shifted_anchors
from protonet.layers.param_str import Namesake, options
from protonet.program import Builder, Expr
from protonet.schema.param_str import NUMBER, SIZES, WHOLE


@register("rpn.anchor_target_layer.AnchorTargetLayer")
class AnchorTarget(Namesake):
    """Label a sample of the anchors by how they overlap the true boxes, and say how far they are.

    Scores (1, 2 * anchors, h, w), true boxes (m, 5) of x1, y1, x2, y2, class, sizes (1, 3) and the
    image, to labels (1, 1, anchors * h, w) of 1, 0 or -1 for neither, and to targets, inside and
    outside weights (1, 4 * anchors, h, w). 256 anchors at most count, half of them positive; which
    is random. param_str states feat_stride, scales, ratios and allowed_border. No gradient.
    Source: py-faster-rcnn, lib/rpn/anchor_target_layer.py, with the settings of its
    fast_rcnn/config.py.
    """

    param = "python_param"
    known = ("feat_stride", "scales", "ratios", "allowed_border")
    bottoms = (3, 4)
    tops = (4, 4)
    examples = (
        Example(
            'layer { name: "rpn" type: "Python" bottom: "x" bottom: "truth" bottom: "size" '
            'bottom: "image" top: "a" top: "b" top: "c" top: "d" python_param { '
            'module: "rpn.anchor_target_layer" layer: "AnchorTargetLayer" '
            "param_str: \"'feat_stride': 16\" } }",
            {"x": (1, 18, 4, 5), "truth": (2, 5), "size": (1, 3), "image": (1, 3, 64, 80)},
            {
                "a": (1, 1, 36, 5),
                "b": (1, 36, 4, 5),
                "c": (1, 36, 4, 5),
                "d": (1, 36, 4, 5),
            },
            "a, b, c, d = anchor_targets(x, truth, size, rpn_anchors, 16)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, truth = bottoms[:2]
        anchors = len(self.anchors())
        if len(scores) != 4 or scores[:2] != (1, 2 * anchors):
            what = f"{anchors} anchors take scores of one image and {2 * anchors} channels"
            hint = "its scales make an anchor for each of its ratios, 9 where it states none"
            raise LayerError(what, "bottom", 0, hint=hint)
        if len(truth) < 2 or truth[1] != 5:
            raise LayerError(f"it takes true boxes (m, 5), not {truth}", "bottom", 1)
        height, width = scores[2:]
        return (1, 1, anchors * height, width), *((1, 4 * anchors, height, width),) * 3

    def options(self) -> dict[str, Any]:
        """The values of param_str."""
        given = options(
            self.p, feat_stride=WHOLE, scales=SIZES, ratios=SIZES, allowed_border=NUMBER
        )
        if "feat_stride" not in given:
            raise LayerError("param_str states no 'feat_stride'", "param_str")
        return given

    def anchors(self) -> list[tuple[float, ...]]:
        """The anchors around the first place."""
        given = self.options()
        return anchor_boxes(given.get("scales", (8, 16, 32)), given.get("ratios", (0.5, 1, 2)))

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_iou, box_deltas, shifted_anchors, anchor_labels, thin_out):
            b.helper(helper)
        return b.call(
            anchor_targets,
            *bottoms[:3],
            b.let("anchors", self.anchors()),
            self.options()["feat_stride"],
            border=self.options().get("allowed_border", 0),
        )
