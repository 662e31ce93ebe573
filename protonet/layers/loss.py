"""What loss layers share: labels that fit the scores, and what the sum is divided by."""

from __future__ import annotations

from protonet.layers.base import LayerError, Shape, count, show
from protonet.program import Builder, Expr, Ref
from protonet.program.expr import Attribute, Call
from protonet.schema.pool import Message

FULL, VALID, BATCH_SIZE, NONE = 0, 1, 2, 3
PRE_FIXED = 10003  # Intel's: pre_fixed_normalizer


def normalization(loss: Message, default: int) -> int:
    """The mode of a LossParameter, or of its older ``normalize``.

    Source: SoftmaxWithLossLayer::LayerSetUp.
    """
    if loss.HasField("normalization"):
        return int(loss.normalization)
    if loss.HasField("normalize"):
        return VALID if loss.normalize else BATCH_SIZE
    return default


def at_least_one(b: Builder, divisor: Expr) -> Expr:
    """What a sum is divided by, where there may be nothing to add. LossLayer::GetNormalizer."""
    return b.call(Ref("max"), 1, divisor)


def check_batch(bottoms: tuple[Shape, ...]) -> None:
    """LayerError where the first two bottoms have other batch sizes. LossLayer::Reshape."""
    first, second = bottoms[:2]
    if not first or not second or first[0] != second[0]:
        what = f"the shapes {show(first)} and {show(second)} must start with one batch size"
        raise LayerError(what, "bottom", 1)


def check_labels(scores: Shape, labels: Shape, axis: int, blob: str) -> None:
    """LayerError unless the labels, a blob of that name, are one for every place off the axis."""
    places = count(scores, 0, axis) * count(scores, axis + 1)
    if count(labels) != places:
        what = f"{show(scores)} scores along axis {axis} take {places} labels"
        what += f", the labels {blob!r} are {count(labels)}, {show(labels)}"
        raise LayerError(what, "bottom", 1)


def targets(scores: Expr, labels: Expr, shapes: tuple[Shape, ...], axis: int) -> Expr:
    """The labels as whole numbers, of the scores' shape without their axis."""
    if isinstance(labels, Call) and isinstance(labels.function, Attribute):
        # Whole numbers have no gradient to be kept from.
        labels = labels.function.value if labels.function.name == "detach" else labels
    score, label = shapes[:2]
    wanted = (*score[:axis], *score[axis + 1 :])
    if label == wanted:
        return labels.long()
    if label == (*score[:axis], 1, *score[axis + 1 :]):
        return labels.squeeze(axis).long()
    first: tuple[object, ...] = (*(slice(None),) * axis, 0)
    return labels.long().view_as(scores[first])


def check_label_a_row(x: Shape, labels: Shape, what: str) -> None:
    """LayerError unless there is one label for each row of ``what`` they are, the scores."""
    if not x or count(labels) != x[0]:
        told = f"the {what} {show(x)} take a label a row, the labels are {show(labels)}"
        raise LayerError(told, "bottom", 1)
