"""InfogainLoss: the cross entropy of scores with a row of weights for each label."""

from __future__ import annotations

import math
from typing import Any

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    ShapeUnknown,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.layers.loss import VALID, check_batch, check_labels, normalization, targets
from protonet.program import Builder, Expr, F, nn, single, torch


@register("InfogainLoss")
class InfogainLoss(Layer):
    """Minus the logarithms of the softmax, weighted by the label's row of a matrix.

    Scores (n, c, ...), labels (n, ...), the matrix (1, 1, c, c) or the file that source names, one
    number; a second top has the softmax. Source: Caffe's InfogainLossLayer.
    """

    param = "infogain_loss_param"
    bottoms = (2, 3)
    tops = (1, 2)
    constants = (2,)
    is_loss = True
    examples = (
        Example(
            'layer { name: "l" type: "InfogainLoss" bottom: "x" bottom: "label" '
            'bottom: "h" top: "y" }',
            {"x": (4, 5), "label": (4,), "h": (1, 1, 5, 5)},
            {"y": ()},
            "y = infogain_loss(x, label.long(), h)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels, *matrix = bottoms
        if self.message.loss_param.HasField("normalize"):
            hint = "write normalization: VALID for true, BATCH_SIZE for false"
            raise LayerError("it takes no normalize", "loss_param", "normalize", hint=hint)
        check_batch(bottoms)
        axis = canonical_axis(self.p.axis, scores)
        check_labels(scores, labels, axis, self.message.bottom[1])
        classes = scores[axis]
        if not matrix:
            self.check_file(classes)
        elif count(matrix[0]) != classes**2:
            what = f"{classes} classes take a matrix of 1x1x{classes}x{classes}"
            raise LayerError(f"{what}, not {show(matrix[0])}", "bottom", 2)
        return ((), scores)[: len(self.message.top)]

    def check_file(self, classes: int) -> None:
        """LayerError where the matrix is neither a bottom nor in the file that source names."""
        if not self.p.source:
            hint = f"state source, or give a third bottom of 1x1x{classes}x{classes}"
            raise LayerError("it has no matrix", hint=hint)
        if not len(self.message.blobs):
            raise ShapeUnknown(f"the file {self.p.source!r} is not there", "source")
        given = len(self.values())
        if given != classes**2:
            what = f"{classes} classes take a matrix of {classes**2} elements, the file has {given}"
            raise LayerError(what, "source")

    def values(self) -> list[float]:
        """The elements of the file's matrix."""
        from protonet.schema.blobs import from_blob

        elements: list[float] = from_blob(self.message.blobs[0]).read().ravel().tolist()
        return elements

    def stored(self, b: Builder, classes: int) -> Expr:
        """The matrix of the file, as a submodule that gives it."""
        flat = [single(v) for v in self.values()]
        rows = [flat[i : i + classes] for i in range(0, len(flat), classes)]
        return b.module(InfogainMatrix, rows)()

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        scores, labels, *given_matrix = bottoms
        axis, options = canonical_axis(self.p.axis, b.bottoms[0]), self.message.loss_param
        classes = b.bottoms[0][axis]
        matrix = given_matrix[0] if given_matrix else self.stored(b, classes)
        if given_matrix and b.bottoms[2][-2:] != (classes, classes):
            matrix = matrix.reshape(classes, classes)
        given: dict[str, Any] = {"axis": axis}
        if options.HasField("ignore_label"):
            given["ignore_label"] = options.ignore_label
        given["normalization"] = ("full", "valid", "batch_size", "none")[
            normalization(options, VALID)
        ]
        target = targets(scores, labels, b.bottoms, axis)
        loss = b.call(infogain_loss, scores, target, matrix, **given)
        return (loss,) if len(b.tops) == 1 else (loss, b.call(F.softmax, scores, dim=axis))


def infogain_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    matrix: torch.Tensor,
    axis: int = 1,
    ignore_label: int | None = None,
    normalization: str = "valid",
) -> torch.Tensor:
    """Minus the logarithms of the softmax, weighted by the row of each label."""
    kept = torch.ones_like(labels)
    if ignore_label is not None:
        kept = (labels != ignore_label).long()
    rows = matrix.reshape(matrix.shape[-2:])[labels * kept].movedim(-1, axis)
    log = F.log_softmax(scores, axis)
    # A probability counts as at least 1e-20; the gradient goes on as if it did not.
    log = log + (log.detach().clamp(min=math.log(1e-20)) - log.detach())
    total = -((rows * log).sum(axis) * kept).sum()
    counts: dict[str, torch.Tensor | int] = {
        "full": max(1, kept.numel()),
        "valid": kept.sum().clamp(min=1),
        "batch_size": max(1, math.prod(scores.shape[:axis])),
        "none": 1,
    }
    return total / counts[normalization]


class InfogainMatrix(nn.Module):
    """The weights of every class, a row for each label."""

    matrix: torch.Tensor

    def __init__(self, rows: list[list[float]]) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.tensor(rows), persistent=False)

    def forward(self) -> torch.Tensor:
        return self.matrix
