"""YoloSeg: what a segmentation beside YOLOv3 trains on, of the MobileNet-YOLO fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("YoloSeg")
class YoloSeg(Layer):
    """The squared errors of sigmoids from masks, those of a rare class's pixels more.

    A map and its masks (n, classes, h, w) of 0 and 1, and pixels of each class (n, classes), to one
    number. With the third bottom the errors of a mask's pixels are 2 - r times as large, r its
    pixels in the batch over those outside. As in the fork the gradient is the errors, not that of
    their squares. num_class, class_scale, use_logic_gradient and use_hardsigmoid are not read, nor
    does the fork. Source: YoloSegLayer of eric612's MobileNet-YOLO.
    """

    param = "yolo_seg_param"
    bottoms = (2, 3)
    constants = (1, 2)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "YoloSeg" bottom: "x" bottom: "label" bottom: "pixels" '
            'top: "y" yolo_seg_param { object_scale: 0.2 } }',
            {"x": (2, 3, 4, 6), "label": (2, 3, 4, 6), "pixels": (2, 3)},
            {"y": ()},
            "y = yolo_segment_loss(x, label, pixels, scale=0.2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, masks = bottoms[:2]
        if len(x) != 4 or masks != x:
            what = f"the map and its masks are of one shape (n, c, h, w), not {show(x)}"
            raise LayerError(f"{what} and {show(masks)}", "bottom", 1)
        if len(bottoms) == 3 and count(bottoms[2]) != x[0] * x[1]:
            what = f"{show(x)} takes {x[0]}x{x[1]} counts of pixels, not {show(bottoms[2])}"
            raise LayerError(what, "bottom", 2)
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.call(yolo_segment_loss, *bottoms, scale=single(self.p.object_scale))


def yolo_segment_loss(
    x: torch.Tensor,
    masks: torch.Tensor,
    pixels: torch.Tensor | None = None,
    scale: float = 5.0,
) -> torch.Tensor:
    """The mean over images of squared errors, whose gradient is the errors themselves."""
    masks = masks.detach()
    error = scale * (x.detach().sigmoid() - masks)
    if pixels is not None:
        inside = pixels.detach().reshape(x.shape[:2])
        ratio = inside.sum(0) / (x[0, 0].numel() - inside).sum(0)
        error = torch.where(masks > 0.5, error * (2 - ratio)[:, None, None], error)
    leading = (x * error).sum() / len(x)
    return leading + (error.square().sum() / len(x) - leading).detach()
