"""CTCGreedyDecoder: the labels that a sequence of scores says, as OCR's forks read them."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.sequences import until_end
from protonet.program import Builder, Expr, torch


@register("CTCGreedyDecoder")
class CTCGreedyDecoder(Layer):
    """The best class of each step, repeated ones taken together and blanks left out.

    caffe_ocr's takes scores (time, n, classes), for labels (n, time, 1, 1) that end in -1; and with
    the true labels (n, m) gives how near and how often right they are, (1, 2, 1, 1). ChWick's takes
    indicators of what goes on (time, n) as second bottom and perhaps true labels (time, n), for
    labels (time, n, 1, 1), scores (n, 1, 1, 1) and how near they are, (1, 1, 1, 1). The blank is
    class 0, in ChWick's the last. Source: CTCDecoderLayer of senlinuc's caffe_ocr and
    of ChWick's Caffe.
    """

    param = "ctc_decoder_param"
    bottoms = (1, 3)
    tops = (1, 3)
    constants = (0, 1, 2)
    keeps = ()
    kind = "metric"
    examples = (
        Example(
            'layer { name: "l" type: "CTCGreedyDecoder" bottom: "x" top: "y" }',
            {"x": (6, 2, 5)},
            {"y": (2, 6, 1, 1)},
            "y = decoded(x, 0).t()[:, :, None, None]",
        ),
        Example(
            'layer { name: "l" type: "CTCGreedyDecoder" bottom: "x" bottom: "label" top: "y" }',
            {"x": (6, 2, 5), "label": (2, 3)},
            {"y": (1, 2, 1, 1)},
            "y = nearness(decoded(x, 0), l_truth).view(1, 2, 1, 1)",
        ),
        Example(
            'layer { name: "l" type: "CTCGreedyDecoder" bottom: "x" bottom: "goes_on" top: "y" }',
            {"x": (6, 2, 5), "goes_on": (6, 2)},
            {"y": (6, 2, 1, 1)},
            "y = decoded(x, 4, goes_on)[:, :, None, None]",
        ),
    )

    def is_timed(self, bottoms: tuple[Shape, ...]) -> bool:
        """Whether the second bottom is ChWick's indicators. LayerError where nothing tells."""
        if len(bottoms) != 2 or len(self.message.top) > 1:
            return len(bottoms) > 1
        (time, n), second = bottoms[0][:2], bottoms[1]
        if second[:2] == (time, n) and time == n:
            what = (
                f"{show(second)} may be indicators of steps or labels: {time} steps, {n} sequences"
            )
            raise LayerError(what, "bottom", 1, hint="another batch size tells")
        return second[:2] == (time, n)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, tops = bottoms[0], len(self.message.top)
        if len(x) < 3 or x[3:] not in ((), (1,)) or 0 in x:
            raise LayerError(f"it takes scores (time, n, classes), not {show(x)}", "bottom", 0)
        time, n, classes = x[:3]
        if self.p.blank_index >= classes:
            what = f"blank_index is one of {classes} classes, not {self.p.blank_index}"
            raise LayerError(what, "blank_index")
        timed = self.is_timed(bottoms)
        for index, shape in enumerate(bottoms[1:], 1):
            if shape[:1] != ((time if timed else n),) or (timed and shape[1:2] != (n,)):
                what = f"{show(shape)} is not of {n} sequences of {time} steps, {show(x)}"
                raise LayerError(what, "bottom", index)
        if tops > len(bottoms):
            raise LayerError(f"{len(bottoms)} bottoms give at most as many tops, not {tops}", "top")
        if not timed:
            return ((n, time, 1, 1),) if len(bottoms) == 1 else ((1, 2, 1, 1),)
        scores, near = (n, 1, 1, 1), (1, 1, 1, 1)
        rest = {1: (), 3: (scores, near)}.get(tops, (scores,) if len(bottoms) == 2 else (near,))
        return ((time, n, 1, 1), *rest)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        x, *rest = bottoms
        x = x if len(b.bottoms[0]) == 3 else x.squeeze(3)
        timed = self.is_timed(b.bottoms)
        stated = self.has("blank_index") and self.p.blank_index >= 0
        last = b.bottoms[0][2] - 1
        blank = int(self.p.blank_index) if stated else last if timed else 0
        blank = last if self.p.blank_index < 0 else blank
        options = {} if self.p.ctc_merge_repeated else {"merge": False}
        if timed:
            return self.of_steps(b, x, rest, blank, options)
        found = b.call(decoded, x, blank, **options)
        if not rest:
            return found.t()[:, :, None, None]
        labels = rest[0] if len(b.bottoms[1]) == 2 else rest[0].flatten(1)
        truth = b.let("truth", b.call(without, labels, blank))
        for helper in (nearness, edits):
            b.helper(helper)
        return b.call(nearness, found, truth).view(1, 2, 1, 1)

    def of_steps(
        self, b: Builder, x: Expr, rest: list[Expr], blank: int, options: dict[str, bool]
    ) -> tuple[Expr, ...]:
        """ChWick's: labels, scores and nearness, over the steps that go on."""
        b.helper(until_end)
        shapes = b.bottoms[1:]
        rest = [r if len(s) == 2 else r.flatten(1) for r, s in zip(rest, shapes, strict=True)]
        found = b.call(decoded, x, blank, rest[0], **options)
        found = found if len(b.tops) == 1 else b.let("found", found)
        tops = [found[:, :, None, None]]
        if len(b.tops) > 1 and b.tops[1] != (1, 1, 1, 1):
            tops.append(b.call(best_scores, x, rest[0]).view(-1, 1, 1, 1))
        if len(b.tops) > len(tops):
            for helper in (nearness, edits):
                b.helper(helper)
            tops.append(b.call(nearness, found, rest[1].t())[0].view(1, 1, 1, 1))
        return tuple(tops)


def decoded(
    scores: torch.Tensor,
    blank: int,
    goes_on: torch.Tensor | None = None,
    merge: bool = True,
) -> torch.Tensor:
    """The labels (time, n) that the best classes say, each sequence's first, then -1."""
    best = scores.argmax(2)
    real = best != blank
    if merge:
        real[1:] &= best[1:] != best[:-1]
    if goes_on is not None:
        steps = torch.arange(len(best), device=best.device).unsqueeze(1)
        real &= steps < until_end(goes_on != 0, 1)
    first = (~real).long().argsort(dim=0, stable=True)
    return torch.where(real, best, -1).gather(0, first).to(scores.dtype)


def best_scores(scores: torch.Tensor, goes_on: torch.Tensor) -> torch.Tensor:
    """Minus the sum of the best scores of the steps that go on."""
    steps = torch.arange(len(scores), device=scores.device).unsqueeze(1)
    counts = steps < until_end(goes_on != 0, 1)
    return -torch.where(counts, scores.amax(2), 0).sum(0)


def without(labels: torch.Tensor, blank: int) -> torch.Tensor:
    """Labels (n, m) up to a negative one, the blank ones taken out, then -1."""
    until = (labels >= 0).long().cumprod(1) == 1
    labels = (labels + 0.5).floor()
    real = until & (labels != blank)
    first = (~real).long().argsort(dim=1, stable=True)
    return torch.where(real, labels, -1).gather(1, first)


def nearness(found: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """One less the mean share of edits from found (time, n) to true (n, m), and the right ones."""
    apart = right = 0.0
    for one, other in zip(found.t().tolist(), truth.tolist(), strict=True):
        read = [label for label in one if label >= 0]
        end = next((i for i, label in enumerate(other) if label < 0), len(other))
        real = [int(label + 0.5) for label in other[:end]]
        longest = max(len(read), len(real))
        changes = edits(read, real)
        apart += changes / longest if longest else 0.0
        right += longest > 0 and changes == 0
    return found.new_tensor([1 - apart / found.shape[1], right / found.shape[1]])


def edits(one: list[float], other: list[int]) -> int:
    """How many labels are put in, taken out or exchanged from one sequence to the other."""
    row = list(range(len(other) + 1))
    for i, label in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            step = min(row[j] + 1, row[j - 1] + 1, above + (label != wanted))
            above, row[j] = row[j], step
    return row[-1]
