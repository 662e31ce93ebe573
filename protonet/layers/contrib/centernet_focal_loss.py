"""CenterNetfocalSigmoidWithLoss: the focal loss of a heat map of centres."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.centers import MODES, heatmap_focal, sloped
from protonet.layers.loss import VALID, normalization
from protonet.program import Builder, Expr, torch


@register("CenterNetfocalSigmoidWithLoss")
class CenterNetFocalLoss(Layer):
    """The focal loss of scores before the sigmoid, of which places of heat 1 are right.

    Scores and heat (n, c, h, w), to one number, divided by how many places are right with VALID,
    by none else; a second top has the sigmoid. ignore_label is not read, nor does the fork.
    Source: CenterNetfocalSigmoidWithLossLayer of yuqj1991's caffe_train.
    """

    bottoms = (2, 2)
    tops = (1, 2)
    constants = (1,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "CenterNetfocalSigmoidWithLoss" bottom: "x" bottom: "heat" '
            'top: "loss" top: "p" loss_weight: 1 loss_weight: 0 }',
            {"x": (2, 1, 4, 4), "heat": (2, 1, 4, 4)},
            {"loss": (), "p": (2, 1, 4, 4)},
            "loss = centernet_focal(x, heat)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, heat = bottoms
        if scores != heat:
            what = f"the heat has the shape of the scores, {show(scores)}, not {show(heat)}"
            raise LayerError(what, "bottom", 1)
        if normalization(self.message.loss_param, VALID) >= len(MODES):
            raise LayerError("it has no PRE_FIXED normalization", "loss_param", "normalization")
        return ((), scores)[: len(self.message.top)]

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        b.helper(heatmap_focal)
        b.helper(sloped)
        scores, heat = bottoms
        mean = normalization(self.message.loss_param, VALID) == VALID
        tops = (b.call(centernet_focal, scores, heat, mean=mean), scores.sigmoid())
        return tops[: len(b.tops)]


def centernet_focal(x: torch.Tensor, heat: torch.Tensor, mean: bool = True) -> torch.Tensor:
    """The focal loss, over the number of places of heat 1 if that is wanted."""
    value, slope = heatmap_focal(x.detach(), heat)
    if mean:
        by = (heat == 1).sum().clamp(min=1)
        value, slope = value / by, slope / by
    return sloped(x, value, slope)
