"""HardMining: the regions with the greatest losses, of the Cascade R-CNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.regions import falling
from protonet.program import Builder, Expr, torch


@register("HardMining")
class HardMining(Layer):
    """Keep the hardest regions of each image, and what is known of them, in their order.

    A score of each region (n, 1, 1, 1), regions (n, 5) of image and corners, and anything else
    (n, ...), to all but the scores, (k, ...): num_roi_per_image of each of num_image images; where
    an image lacks some, others fill up. No gradient. Source: HardMiningLayer of zhaoweicai's
    cascade-rcnn.
    """

    param = "hard_mining_param"
    bottoms = (2, None)
    tops = (1, None)
    examples = (
        Example(
            'layer { name: "l" type: "HardMining" bottom: "x" bottom: "regions" bottom: "label" '
            'top: "y" top: "z" hard_mining_param { num_roi_per_image: 2 num_image: 1 } }',
            {"x": (4, 1, 1, 1), "regions": (4, 5, 1, 1), "label": (4, 1, 1, 1)},
            {"y": (2, 5, 1, 1), "z": (2, 1, 1, 1)},
            "y, z = hard_regions(x, [regions, label], 2, 1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, *others = bottoms
        self.check_positive("num_roi_per_image", "num_image")
        if len(others) != len(self.message.top):
            what = f"{len(others)} bottoms behind the scores take as many tops"
            raise LayerError(f"{what}, not {len(self.message.top)}", "top")
        if not scores or count(scores) != scores[0]:
            raise LayerError(f"it takes one score a region, not {show(scores)}", "bottom", 0)
        for index, x in enumerate(others, 1):
            if x[:1] != scores[:1] or len(x) > 4:
                what = f"{scores[0]} regions take as many rows, not {show(x)}"
                raise LayerError(what, "bottom", index)
        if count(others[0], 1) != 5:
            raise LayerError(f"regions have the shape Nx5, not {show(others[0])}", "bottom", 1)
        if any(self.message.propagate_down):
            where = list(self.message.propagate_down).index(True)
            raise LayerError("it sends no gradient down", "propagate_down", where)
        kept = min(self.p.num_image * self.p.num_roi_per_image, scores[0])
        return tuple((kept, *x[1:], *(1,) * (4 - len(x))) for x in others)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        b.helper(falling)
        limits = self.p.num_roi_per_image, self.p.num_image
        found = b.call(hard_regions, bottoms[0], list(bottoms[1:]), *limits)
        return found if len(b.tops) > 1 else (found[0],)


def hard_regions(
    scores: torch.Tensor, facts: list[torch.Tensor], most: int, images: int
) -> tuple[torch.Tensor, ...]:
    """The facts, (n, ...) each, of the regions that are kept."""
    order = falling(scores.detach().flatten())
    image = facts[0].detach().flatten(1)[order, 0]
    same = image[:, None] == torch.arange(images, device=image.device)
    first = ((same.cumsum(0) * same).sum(1) <= most) & same.any(1)
    more = min(images * most, len(order)) - int(first.sum())
    kept = torch.cat([order[first], order[~first][:more]]).sort()[0]
    rows = [fact.detach()[kept] for fact in facts]
    return tuple(row.reshape(*row.shape, *(1,) * (4 - row.dim())) for row in rows)
