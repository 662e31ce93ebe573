"""SampleTriplet: which three items of a batch a triplet loss takes, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch


@register("SampleTriplet")
class SampleTriplet(Layer):
    """For each two items of a class, one of another that is too near: the places of all three.

    Items (n, ...) in classes one after the other, and how many each class has, (k,), to
    (triplets, 3, 1, 1). Too near is one whose squared distance is not alpha more than that of the
    two; one of them is taken at random, and pairs without any are left out. No gradient.
    Source: SampleTripletLayer of yuqj1991's caffe_train.
    """

    param = "sample_triplet_param"
    bottoms = (2, 2)
    constants = (0, 1)
    grows = 0
    keeps = ()
    ignores = ("label_num", "sample_num", "eps")
    examples = (
        Example(
            'layer { name: "l" type: "SampleTriplet" bottom: "x" bottom: "counts" top: "y" }',
            {"x": (6, 5), "counts": (2,)},
            {"y": (2, 3, 1, 1)},
            "y = sampled_triplets(x, counts, 0.2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, counts = bottoms
        if not x:
            raise LayerError(f"it takes items, not {show(x)}", "bottom", 0)
        return ((count(counts), 3, 1, 1),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, counts = bottoms
        x = x if len(b.bottoms[0]) == 2 else x.flatten(1)
        counts = counts if len(b.bottoms[1]) == 1 else counts.flatten()
        return b.call(sampled_triplets, x, counts, single(self.p.alpha))


def sampled_triplets(x: torch.Tensor, counts: torch.Tensor, alpha: float) -> torch.Tensor:
    """Places of an item, of one of its class and of one of another, (triplets, 3, 1, 1)."""
    ends = counts.detach().long().cumsum(0)
    places = torch.arange(len(x), device=x.device)
    group = torch.bucketize(places, ends, right=True)
    apart = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").square()
    alike = group[:, None] == group
    first, second = (alike & (group < len(ends))).triu(1).nonzero(as_tuple=True)
    near = ~alike[first] & (apart[first] - apart[first, second][:, None] < alpha)
    some = near.any(1)
    third = torch.rand(near.shape, device=x.device).masked_fill(~near, -1).argmax(1)
    chosen = torch.stack([first, second, third], 1)[some]
    return chosen.to(x.dtype)[..., None, None]
