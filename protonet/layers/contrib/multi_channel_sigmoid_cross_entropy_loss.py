"""MultiChannelSigmoidCrossEntropyLoss: labels that are bits, of SEAL's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F, torch


@register("MultiChannelSigmoidCrossEntropyLoss")
class MultiChannelSigmoidCrossEntropyLoss(Layer):
    """The binary cross entropy of a channel for each bit of the labels, over the batch size.

    Logits (n, c, h, w), at most 31 channels, and labels (n, 1, h, w), the memory of whose floats is
    an unsigned number: bit k for channel k, bit 31 where a place counts for nothing. One number.
    Source: MultiChannelSigmoidCrossEntropyLossLayer of Chrisding's seal.
    """

    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    weighs = False
    examples = (
        Example(
            'layer { name: "loss" type: "MultiChannelSigmoidCrossEntropyLoss" bottom: "x" '
            'bottom: "label" top: "y" }',
            {"x": (2, 20, 4, 5), "label": (2, 1, 4, 5)},
            {"y": ()},
            "y = entropy_of_bits(x, label)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        check_batch(bottoms)
        x, label = bottoms
        if len(x) != 4 or len(label) != 4 or x[2:] != label[2:]:
            what = f"the shapes {show(x)} and {show(label)} are no maps of one size"
            raise LayerError(what, "bottom", 1)
        self.check_channels(x[1], label[1])
        return ((),)

    def check_channels(self, channels: int, labels: int) -> None:
        """LayerError where the labels have not a bit for each channel."""
        if channels > 31 or labels != 1:
            what = f"it takes at most 31 channels and one of labels, not {channels} and {labels}"
            raise LayerError(what, "bottom", 0)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        options = {"weighs": True} if self.weighs else {}
        return b.call(entropy_of_bits, *bottoms, **options)


@register("MultiChannelReweightedSigmoidCrossEntropyLoss")
class MultiChannelReweightedSigmoidCrossEntropyLoss(MultiChannelSigmoidCrossEntropyLoss):
    """The same with labels of several channels, and edges as heavy as all that is none.

    Logits (n, c, h, w) and labels (n, l, h, w) with c below 32 * l: channel k is bit k % 32 of
    label k / 32; bit 31 of the last label stands for a place that counts for nothing. In each image
    what is set weighs by the share of places without any bit, and what is not by that of the
    others. Source: MultiChannelReweightedSigmoidCrossEntropyLossLayer of Chrisding's seal.
    """

    weighs = True
    examples = (
        Example(
            'layer { name: "loss" type: "MultiChannelReweightedSigmoidCrossEntropyLoss" '
            'bottom: "x" bottom: "label" top: "y" }',
            {"x": (2, 40, 4, 5), "label": (2, 2, 4, 5)},
            {"y": ()},
            "y = entropy_of_bits(x, label)",
        ),
    )

    def check_channels(self, channels: int, labels: int) -> None:
        if channels >= 32 * labels:
            what = f"{channels} channels are not below the {32 * labels} bits of the labels"
            raise LayerError(what, "bottom", 0)


def entropy_of_bits(x: torch.Tensor, label: torch.Tensor, weighs: bool = False) -> torch.Tensor:
    """The cross entropy of logits with the bits of the memory of floats, over the batch size."""
    bits = label.detach().float().contiguous().view(torch.int32).long() & 0xFFFFFFFF
    known = (bits[:, -1:] >> 31) == 0
    channel = torch.arange(x.shape[1], device=x.device)
    wanted = (bits[:, channel // 32] >> (channel % 32)[:, None, None]) & 1
    wanted = wanted.to(x.dtype)
    loss = F.binary_cross_entropy_with_logits(x, wanted, reduction="none") * known
    if weighs:
        edge = (bits[:, : x.shape[1] // 32 + 1] != 0).any(1, keepdim=True) & known
        size = known.sum((1, 2, 3), keepdim=True).clamp(min=1)
        share = edge.sum((1, 2, 3), keepdim=True) / size
        none = (known & ~edge).sum((1, 2, 3), keepdim=True) / size
        loss = loss * torch.where(wanted == 1, none, share)
    return loss.sum() / x.shape[0]
