"""TripletLoss: an item nearer to one of its class than to one of another, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch
from protonet.schema.pool import Message

_MARGIN = 0.2  # the default of this fork; the field has that of another


@register("TripletLoss")
class TripletLoss(Layer):
    """How far an item's squared distance to its like is not margin below that to the other.

    Items (n, ...) and places of three of them a row, (t, 3, ...), to their mean, (1,). Of a list
    that grows only so many count as there are classes, the first ones, and it is divided by that
    number, as the fork sets it before it has seen any. The gradient is the fork's, which goes by
    the last triplet alone that an item is in, a, p or n, also where the margin is kept: to a
    2(n - p), to p 2(p - a), to n 2(a - p).
    With three bottoms it is mix-and-match's, a ThreeTripletLoss here, with four MAF's, a
    WeightedTripletLoss.
    Source: TripletLossLayer of yuqj1991's caffe_train.
    """

    param = "triplet_loss_param"
    bottoms = (2, 2)
    constants = (1,)
    is_loss = True
    backward_reads = ("bottoms",)
    examples = (
        Example(
            'layer { name: "l" type: "TripletLoss" bottom: "x" bottom: "triplets" top: "y" }',
            {"x": (6, 5), "triplets": (4, 3, 1, 1)},
            {"y": (1,)},
            "y = triplet_loss(x, triplets.flatten(1), 4, 0.2)",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        return {3: "ThreeTripletLoss", 4: "WeightedTripletLoss"}.get(len(message.bottom), "")

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, triplets = bottoms
        if not x or not triplets or count(triplets, 1) != 3:
            what = f"it takes items and three places a row, not {show(x)} and {show(triplets)}"
            hint = "a SampleTriplet gives the places"
            raise LayerError(what, "bottom", 1, hint=hint)
        if not triplets[0]:
            raise LayerError("it takes at least one row of places", "bottom", 1)
        return ((1,),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, triplets = bottoms
        margin = single(self.p.margin) if self.has("margin") else _MARGIN
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        triplets = triplets if len(b.bottoms[1]) == 2 else triplets.flatten(1)
        return b.call(triplet_loss, x, triplets, b.bottoms[1][0], margin)


def triplet_loss(
    x: torch.Tensor,
    triplets: torch.Tensor,
    most: int,
    margin: float,
) -> torch.Tensor:
    """The loss of at most so many triplets, over that number."""
    places = triplets[:most].long()
    anchor, like, other = (x.detach()[column] for column in places.unbind(1))
    apart = (anchor - like).square().sum(1) - (anchor - other).square().sum(1)
    value = (apart + margin).clamp(min=0).sum() / most
    pulls = torch.stack([other - like, like - anchor, anchor - like], 1)
    pulls = 2 * pulls.flatten(0, 1)
    # Later triplets write over what earlier ones gave an item.
    turn = torch.arange(len(pulls), device=x.device)
    last = torch.full((len(x),), -1, device=x.device)
    last = last.scatter_reduce(0, places.flatten(), turn, "amax")
    reached = (last >= 0).nonzero()[:, 0]
    path = (x[reached] * pulls[last[reached]]).sum() / most
    return (value + (path - path.detach())).view(1)
