"""WarpCTCLoss, CTCLoss: labels of a sequence without their places in time, as OCR's forks do."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.sequences import ctc_costs, given_gradient, until_end
from protonet.program import Builder, Expr, single, torch

_OTHER = "another way than that of Graves is not supported"


@register("WarpCTCLoss", "CTCLoss")
class WarpCTCLoss(Layer):
    """How unlikely the labels of each sequence are, -log p, the mean over the sequences.

    Scores (time, n, classes) and one of: labels (n, m), without the blank ones (caffe_ocr);
    indicators of what goes on (time, n) and labels (time, n) that end with a negative one;
    the sequences' lengths (n,), the labels' (n,) and the labels (m, n). The blank is class 0, with
    indicators the labels then count from the class after it; of a CTCLoss it is the last class.
    A sequence without labels is passed over. As in the forks the gradient is that of the sum,
    whatever the loss weighs. Source: WarpCTCLossLayer of senlinuc's caffe_ocr and of ChWick's
    Caffe, whose CTCLossLayer takes indicators.
    """

    param = "ctc_loss_param"
    bottoms = (2, 4)
    constants = (1, 2, 3)
    is_loss = True
    ignores = ("loss_calculation_t",)
    examples = (
        Example(
            'layer { name: "loss" type: "WarpCTCLoss" bottom: "x" bottom: "label" top: "y" }',
            {"x": (6, 2, 5), "label": (2, 3, 1, 1)},
            {"y": ()},
            "y = warp_ctc_loss(x, of_labels(x, label, 0), 0)",
        ),
        Example(
            'layer { name: "loss" type: "CTCLoss" bottom: "x" bottom: "goes_on" bottom: "label" '
            'top: "y" }',
            {"x": (6, 2, 5), "goes_on": (6, 2), "label": (6, 2)},
            {"y": ()},
            "y = warp_ctc_loss(x, of_steps(goes_on, label), 4)",
        ),
    )

    @property
    def is_warp(self) -> bool:
        """Whether it is one over warp-ctc."""
        return bool(self.message.type == "WarpCTCLoss")

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, given = bottoms[0], len(bottoms)
        if len(x) < 3 or x[3:] not in ((), (1,)) or 0 in x:
            raise LayerError(f"it takes scores (time, n, classes), not {show(x)}", "bottom", 0)
        if not self.is_warp and given != 3:
            what = "a CTCLoss without indicators differs from fork to fork, which nothing tells"
            hint = "WarpCTCLoss takes scores and labels, and CtcLoss, too"
            raise LayerError(what, "bottom", 1, hint=hint)
        self.check_fields(x, given)
        wanted = {2: (x[1],), 3: x[:2], 4: (x[1],)}[given]
        for index, shape in enumerate(bottoms[1:], 1):
            fits = shape[: len(wanted)] == wanted
            if given == 4:
                fits = count(shape) == x[1] if index < 3 else shape[1:2] == (x[1],)
            if not fits or (given == 3 and count(shape) != count(wanted)) or len(shape) < 1:
                what = f"{show(shape)} is not of {x[1]} sequences of {x[0]} steps, {show(x)}"
                raise LayerError(what, "bottom", index)
        return ((),)

    def check_fields(self, x: Shape, given: int) -> None:
        """LayerError where a field asks for another loss, or means two things."""
        p = self.p
        for field in ("output_delay", "preprocess_collapse_repeated"):
            if getattr(p, field) and not self.is_warp:
                raise LayerError(f"{field}: {_OTHER}", field)
        if not p.ctc_merge_repeated and not self.is_warp:
            raise LayerError(f"ctc_merge_repeated: {_OTHER}", "ctc_merge_repeated")
        for field in ("alphabet_size", "time_step", "blank_label"):
            if self.has(field):
                raise LayerError(f"{field} is a field of CtcLoss", field)
        if p.blank_index >= x[2] or (self.is_warp and p.blank_index < 0):
            what = f"blank_index is one of {x[2]} classes, not {p.blank_index}"
            raise LayerError(what, "blank_index")
        if self.is_warp and given == 3 and self.has("blank_index") and p.blank_index == 0:
            what = "with indicators blank_index: 0 counts labels from 0 in one fork, from 1 in one"
            raise LayerError(what, "blank_index", hint="left out, they count from 1 in both")

    def blank(self, classes: int) -> int:
        """The class that stands for no label."""
        stated = self.has("blank_index") and self.p.blank_index >= 0
        return int(self.p.blank_index) if stated else 0 if self.is_warp else classes - 1

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (ctc_costs, given_gradient):
            b.helper(helper)
        x, *rest = bottoms
        blank = self.blank(b.bottoms[0][2])
        x = x if len(b.bottoms[0]) == 3 else x.squeeze(3)
        if len(rest) == 1:
            known = b.call(of_labels, x, rest[0], blank)
        elif len(rest) == 2:
            b.helper(until_end)
            shift = {"shift": 1} if self.is_warp and blank == 0 else {}
            flat = [
                r if len(s) == 2 else r.flatten(1) for r, s in zip(rest, b.bottoms[1:], strict=True)
            ]
            known = b.call(of_steps, *flat, **shift)
        else:
            known = b.call(of_lengths, *rest)
        options: dict[str, object] = {} if self.is_warp else {"over_all": True}
        weights = [single(w) for w in self.message.loss_weight if w] or [1.0]
        if weights[0] != 1:
            options["loss_weight"] = weights[0]
        return b.call(warp_ctc_loss, x, known, blank, **options)


def warp_ctc_loss(
    scores: torch.Tensor,
    known: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    blank: int,
    over_all: bool = False,
    loss_weight: float = 1.0,
) -> torch.Tensor:
    """The mean cost of sequences; the gradient is that of the sum, whatever the loss weighs.

    Known are the labels after one another, their lengths, and those of the sequences. Over all, a
    sequence that is too short for its labels costs infinity, else nothing.
    """
    labels, label_lengths, lengths = known
    told = lengths > 0
    costs = ctc_costs(scores, labels, label_lengths, lengths.clamp(min=1), blank)
    costs = torch.where(told, costs, 0)
    total = torch.where(costs.isinf(), 0, costs).sum()
    mean = costs.sum() / len(costs) if over_all else total / told.sum()
    return given_gradient(mean, total / loss_weight)


def of_labels(
    scores: torch.Tensor,
    labels: torch.Tensor,
    blank: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels (n, m) but for blank ones, their lengths, and those of whole sequences."""
    labels = labels.flatten(1).long()
    real = labels != blank
    return labels[real], real.sum(1), torch.full_like(real.sum(1), len(scores))


def of_steps(
    goes_on: torch.Tensor,
    labels: torch.Tensor,
    shift: int = 0,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels (time, n) up to a negative one, their lengths, and those of the sequences."""
    label_lengths = until_end(labels >= 0, 0)
    lengths = until_end((goes_on + 0.5).long() != 0, 1)
    steps = torch.arange(len(labels), device=labels.device)
    real = steps < label_lengths.unsqueeze(1)
    found = (labels.t()[real] + 0.5).long() + shift
    return found, label_lengths, torch.where(label_lengths == 0, 0, lengths)


def of_lengths(
    lengths: torch.Tensor,
    label_lengths: torch.Tensor,
    labels: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels (m, n) of so many each, their lengths, and those of the sequences."""
    wanted = label_lengths.flatten().long()
    steps = torch.arange(len(labels), device=labels.device)
    real = steps < wanted.unsqueeze(1)
    return labels.flatten(1).t()[real].long(), wanted, lengths.flatten().long()
