"""VoxelSoftmaxLoss: the cross entropy of every voxel's scores and label."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.loss import targets
from protonet.program import Builder, Expr, F, torch


@register("VoxelSoftmaxLoss")
class VoxelSoftmaxLoss(Layer):
    """Minus the logarithm of the softmax at each voxel's label, over all voxels.

    Scores (n, c, length, h, w) and labels (n, 1, length, h, w) to one number. A label of c or more
    adds nothing to the loss and keeps the gradient of the softmax, as in the fork.
    Source: VoxelWiseSoftmaxWithLossLayer of C3D's Caffe fork.
    """

    bottoms = (2, 2)
    is_loss = True
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "VoxelSoftmaxLoss" bottom: "x" bottom: "truth" top: "y" }',
            {"x": (2, 8, 4, 5, 5), "truth": (2, 1, 4, 5, 5)},
            {"y": ()},
            "y = voxel_loss(x, truth.squeeze(1).long())",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        if len(scores) != 5:
            what = f"it takes 5 axes (n, c, length, h, w), not {len(scores)}"
            raise LayerError(what, "bottom", 0)
        wanted = (scores[0], 1, *scores[2:])
        if labels != wanted:
            what = f"{show(scores)} scores take labels of {show(wanted)}, not {show(labels)}"
            raise LayerError(what, "bottom", 1)
        return ((),)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """The scores' softmax, and the labels as whole numbers."""
        return 4 * count(bottoms[0]) + 8 * count(bottoms[1])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scores, labels = bottoms
        return b.call(voxel_loss, scores, targets(scores, labels, b.bottoms, 1))


def voxel_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy; where a label is no class it is 0, and its gradient that of the softmax."""
    all_classes = scores.logsumexp(1)
    known = labels < scores.shape[1]
    index = labels.where(known, labels.new_zeros(())).unsqueeze(1)
    chosen = scores.gather(1, index).squeeze(1)
    least = 87.33654475  # a probability counts as at least 2^-126
    own = all_classes - chosen
    own = own - F.relu(own.detach() - least)
    return own.where(known, all_classes - all_classes.detach()).mean()
