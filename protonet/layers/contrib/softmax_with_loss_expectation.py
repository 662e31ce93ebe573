"""SoftmaxWithLossExpectation: labels of points, of whole images and of objectness, as one loss."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.forks import LOSS, POINTS, SOFTMAX, without
from protonet.layers.loss import check_batch
from protonet.program import Builder, Expr, F, torch

_MOST_CLASSES = 33
_PARTS = ("classes", "constraint", "objectness")


@register("SoftmaxWithLossExpectation")
class SoftmaxWithLossExpectation(Layer):
    """The loss of an image whose classes are known, and the labels of a few of its pixels.

    Scores (1, c, h, w), labels (1, 3, h, w), with ``ignore_rank: false`` (1, 4, h, w), one number.
    The labels' planes: a class or ignore_label; objectness from 0 to 255; the image's classes one
    after another up to a 0, which is the background, too, but not with is_siftflow, which counts
    classes from 1; a supervised pixel's weight from 0 to 255. Added up are minus the logarithms
    of each present class's highest probability, of one minus each absent class's, of the labels'
    probabilities, and the cross entropy of background and objectness where there is no label.
    Source: SoftmaxWithLossExpectationLayer of abearman's Caffe fork on the GPU, whose CPU pass
    knows none of the options; what its backward pass divides by where the forward pass's divisor
    is never set (ignore_rank: false), and no gradient where it has 0 / 0.
    """

    param = "softmax_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    refuses = SOFTMAX
    refuses_in_loss = without(LOSS, *POINTS)
    examples = (
        Example(
            'layer { name: "loss" type: "SoftmaxWithLossExpectation" bottom: "x" bottom: "label" '
            'top: "y" loss_param { ignore_label: 255 ignore_objectness: true } }',
            {"x": (1, 21, 4, 4), "label": (1, 3, 4, 4)},
            {"y": ()},
            "y = expectation_loss(x, label, 255)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, labels = bottoms
        check_batch(bottoms)
        loss = self.message.loss_param
        if len(scores) < 3 or self.p.axis not in (1, 1 - len(scores)):
            what = f"scores (1, c, h, w) have their classes on axis 1, not {show(scores)}"
            raise LayerError(f"{what} on axis {self.p.axis}", "bottom", 0)
        if scores[0] != 1:
            what = f"it looks at the first image of a batch only, the scores have {scores[0]}"
            raise LayerError(what, "bottom", 0, hint="take a batch of 1")
        if scores[1] > _MOST_CLASSES:
            what = f"it has place for {_MOST_CLASSES} classes, the scores have {scores[1]}"
            raise LayerError(what, "bottom", 0)
        planes = 3 if loss.ignore_rank else 4
        if count(labels) != planes * count(scores, 2):
            what = f"{show(scores)} scores take {planes} numbers a pixel, not {show(labels)}"
            raise LayerError(what, "bottom", 1, hint="ignore_rank: false has a fourth, the weight")
        if not loss.HasField("ignore_label"):
            what = "it needs ignore_label, by which it tells the pixels without a label"
            raise LayerError(what, hint="state loss_param { ignore_label: 255 }")
        return ((),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        loss = self.message.loss_param
        options: dict[str, object] = {}
        if loss.ignore_location:
            options["supervised"] = None
        elif not loss.normalize_supervised:
            options["supervised"] = False
        for part in _PARTS:
            if getattr(loss, f"ignore_{part}"):
                options[part] = None
            elif not getattr(loss, f"normalize_{part}"):
                options[part] = False
        if not loss.ignore_rank:
            options["ranked"] = True
        if loss.is_siftflow:
            options["from_one"] = True
        helpers = (no_less, listed_classes, image_part, supervised_part, objectness_part)
        for helper in helpers:
            b.helper(helper)
        return b.call(expectation_loss, *bottoms, loss.ignore_label, **options)


def expectation_loss(
    scores: torch.Tensor,
    labels: torch.Tensor,
    ignored: int,
    supervised: bool | None = True,
    classes: bool | None = True,
    constraint: bool | None = True,
    objectness: bool | None = True,
    ranked: bool = False,
    from_one: bool = False,
) -> torch.Tensor:
    """What an image's scores lose by its points, classes and objectness.

    Each of the four is a mean where it is True, a sum where False, left out where None.
    """
    flat = scores[0].flatten(1)
    log, planes = F.log_softmax(flat, 0), labels.reshape(-1, flat.shape[1])
    label, prior, listed = planes[:3].long()
    is_open = label == ignored
    is_known = torch.zeros_like(is_open) if supervised is None else ~is_open
    known = torch.count_nonzero(is_known)
    total = -image_part(log, listed, classes, constraint, from_one)
    if supervised is not None:
        part, weights = supervised_part(log, planes, is_known, ranked, from_one)
        if supervised:
            part = part / torch.where(known == 0, 1, weights)
        total = total - part
    if objectness is not None:
        part = objectness_part(log, prior, is_open)
        if objectness:
            part = part / (len(label) - known).clamp(min=1)
        total = total - part
    return total


def image_part(
    log: torch.Tensor,
    listed: torch.Tensor,
    classes: bool | None,
    constraint: bool | None,
    from_one: bool,
) -> torch.Tensor:
    """The logarithms of each present class's highest probability, and one minus each absent's."""
    present, number = listed_classes(listed, len(log), from_one)
    most = log.detach().exp().argmax(1, keepdim=True)
    highest = no_less(log.gather(1, most)[:, 0])
    total = log.new_zeros(())
    if classes is not None:
        part = (highest * present).sum()
        if classes:
            part = part / number.clamp(min=1)
        total = total + part
    if constraint is not None:
        part = torch.log1p(-torch.where(present, 0, highest.exp())).sum()
        if constraint:
            part = part / (len(log) - number).clamp(min=1)
        total = total + part
    return total


def supervised_part(
    log: torch.Tensor,
    planes: torch.Tensor,
    is_known: torch.Tensor,
    ranked: bool,
    from_one: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The logarithms at the labels times the pixels' weights, as a sum, and the weights' sum."""
    weight, label = is_known.to(log), planes[0].long()
    if ranked:
        weight = weight * planes[3] / 255
    if from_one:
        label = label - 1
    own = log.gather(0, torch.where(is_known, label, 0)[None])[0]
    return (no_less(own) * weight).sum(), weight.sum()


def objectness_part(
    log: torch.Tensor,
    prior: torch.Tensor,
    is_open: torch.Tensor,
) -> torch.Tensor:
    """Minus the cross entropy of the background and one minus the objectness, as a sum."""
    background = 1 - (prior + 1) / 257
    own = no_less(log[0].clone())
    other = torch.log1p(-torch.where(is_open, own.exp(), 0))
    return ((background * own + (1 - background) * other) * is_open).sum()


def listed_classes(
    listed: torch.Tensor,
    classes: int,
    from_one: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Which classes a list names before its first 0, and how many it names.

    That 0 is named, too, but where classes count from one.
    """
    is_end = (listed == 0).long()
    past = is_end.cumsum(0)
    if from_one:
        listed = listed - 1
    else:
        past = past - is_end
    named = torch.where(past > 0, classes, listed)
    present = torch.zeros(classes + 1, dtype=torch.bool, device=listed.device)
    return present.scatter(0, named, True)[:classes], torch.count_nonzero(past == 0)


def no_less(log: torch.Tensor) -> torch.Tensor:
    """A probability's logarithm, at least that of 2^-126; the gradient goes on below."""
    log.detach().clamp_min_(-87.33654475)
    return log
