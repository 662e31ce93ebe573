"""SegmentationEvaluate: how well masks cover the true ones, of the MobileNet-YOLO fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, F, single, torch


@register("SegmentationEvaluate")
class SegmentationEvaluate(Layer):
    """The intersection over union of each class's mask with the true one, of the first image.

    Masks (n, classes, h, w) of 0 to 1 and true ones (n, classes, height, width) to (1, 1, 1,
    classes); what is above the threshold counts. Masks of another size are made as large as the
    true ones, in steps of 1/255, by linear interpolation, as the fork does where it means to take
    areas; then a class that has no true pixel and no right one is -1, where it is 0 for masks of
    one size. num_classes is not read, nor does the fork. No gradient.
    Source: SegmentationEvaluateLayer of eric612's MobileNet-YOLO.
    """

    param = "segmentation_evaluate_param"
    bottoms = (2, 2)
    kind = "metric"
    ignores = ("num_classes",)
    examples = (
        Example(
            'layer { name: "l" type: "SegmentationEvaluate" bottom: "x" bottom: "label" top: "y" '
            "segmentation_evaluate_param { threshold: 0.3 } }",
            {"x": (1, 3, 4, 6), "label": (1, 3, 8, 12)},
            {"y": (1, 1, 1, 3)},
            "y = mask_overlaps(x, label, threshold=0.3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, truth = bottoms
        if len(x) != 4 or len(truth) != 4 or truth[:2] != x[:2]:
            what = f"masks and true ones have as many items and classes, not {show(x)}"
            raise LayerError(f"{what} and {show(truth)}", "bottom", 1)
        return ((1, 1, 1, truth[1]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(mask_overlaps, *bottoms, threshold=single(self.p.threshold))


def mask_overlaps(masks: torch.Tensor, truth: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    """The intersection over union of the first image's masks by class, (1, 1, 1, classes)."""
    mask, real = masks.detach()[0], truth.detach()[0] > threshold
    found, lacking = mask > threshold, 0.0
    if mask.shape != real.shape:
        levels = (mask.clamp(0, 1) * 255).floor()
        levels = F.interpolate(levels[None], real.shape[1:], mode="bilinear")[0]
        found, lacking = (levels + 0.5).floor() > int(threshold * 255), -1.0
    right = (found & real).sum((1, 2)).to(masks)
    either = (found | real).sum((1, 2)).clamp(min=1).to(masks)
    absent = (real.sum((1, 2)) == 0) & (right == 0)
    return torch.where(absent, lacking, right / either)[None, None, None]
