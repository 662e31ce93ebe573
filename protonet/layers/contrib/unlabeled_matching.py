"""UnlabeledMatching: how features match the latest ones of people without an identity."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, torch
from protonet.schema.pool import message as new_message


@register("UnlabeledMatching")
class UnlabeledMatchingLayer(Layer):
    """Dot products with the rows of a queue of features whose label was -1.

    Features (n, ...) and labels of n numbers to (n, queue_size). In training the features of this
    batch that are labelled -1 take the places of the oldest; lr_mult: 0 keeps the queue as it is.
    The fork does so in its backward pass, here it is the end of the forward one; the pass itself
    is by the queue as it was. It takes no gradient but 0. What place is next is not stored, in the
    fork neither, so that a resumed run goes on at the first. Source: UnlabeledMatchingLayer of
    He-Zhenwei's MAF and of ShuangLI59's person_search; see LabeledMatching.
    """

    param = "unlabeled_matching_param"
    bottoms = (2, 2)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "match" type: "UnlabeledMatching" bottom: "x" bottom: "label" '
            'top: "y" param { decay_mult: 0 } unlabeled_matching_param { queue_size: 10 } }',
            {"x": (4, 5), "label": (4,)},
            {"y": (4, 10)},
            "self.match = UnlabeledMatching(5, 10)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        self.check_positive("queue_size")
        if not x or count(labels) != x[0]:
            what = f"features {show(x)} take as many labels, not the shape {show(labels)}"
            raise LayerError(what, "bottom", 1)
        return ((x[0], self.p.queue_size),)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        shape = (self.p.queue_size, count(bottoms[0], 1))
        return (Blob("queue", shape, new_message("FillerParameter")),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, labels = bottoms
        options = {}
        if any(not param.lr_mult for param in self.message.param):
            options["learns"] = False
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        labels = labels if len(b.bottoms[1]) == 1 else labels.flatten()
        size = count(b.bottoms[0], 1)
        return b.module(UnlabeledMatching, size, self.p.queue_size, **options)(x, labels)


class UnlabeledMatching(nn.Module):
    """Products with a queue of the latest features without an identity."""

    def __init__(self, inputs: int, size: int, learns: bool = True) -> None:
        super().__init__()
        self.learns, self.next = learns, 0
        self.queue = nn.Parameter(torch.zeros(size, inputs))

    @torch.no_grad()
    def remember(self, x: torch.Tensor) -> None:
        """These features in the places of the oldest."""
        size = len(self.queue)
        places = torch.arange(self.next, self.next + len(x), device=x.device) % size
        # Of more than fit, the last ones.
        self.queue.index_copy_(0, places[-size:], x[-size:])
        self.next = (self.next + len(x)) % size

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        # A gradient of 0, not none: a solver's decay is for what has one.
        still = self.queue.sum() * 0
        scores = x @ self.queue.detach().clone().T + still
        if self.training and self.learns:
            self.remember(x.detach()[labels.long() == -1])
        return scores
