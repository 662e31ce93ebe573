"""ROIGenerating: regions around the hardest places of a heat map, of the SubCNN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.regions import falling
from protonet.program import Builder, Expr, single, torch


@register("ROIGenerating")
class ROIGenerating(Layer):
    """Take the objects with the lowest chances and the background with the greatest.

    A heat map (images * scales, 1, h, w), facts of objects (m, 18), and parameters: the numbers of
    scales and aspects, the scales, the scale that each is mapped to, the aspects' heights and
    widths; to regions (batch_size, 5, 1, 1), subclasses (batch_size, 1, 1, 1), targets, inside and
    outside weights (batch_size, 4 * num_classes, 1, 1), and unless flag_proposal_only regions at
    their mapped scale and classes. Aspects of background are random. No gradient.
    Source: ROIGeneratingLayer of yuxng's caffe-fast-rcnn.
    """

    param = "roi_generating_param"
    bottoms = (3, 3)
    tops = (5, 7)
    examples = (
        Example(
            'layer { name: "l" type: "ROIGenerating" bottom: "x" bottom: "facts" bottom: "p" '
            'top: "a" top: "b" top: "c" top: "d" top: "e" roi_generating_param { '
            "flag_proposal_only: 1 batch_size: 8 num_classes: 3 } }",
            {"x": (2, 1, 4, 5), "facts": (1, 18), "p": (6,)},
            {
                "a": (8, 5, 1, 1),
                "b": (8, 1, 1, 1),
                "c": (8, 12, 1, 1),
                "d": (8, 12, 1, 1),
                "e": (8, 12, 1, 1),
            },
            "a, b, c, d, e = generated_regions(x, facts, p, 8, 3)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, facts, _ = bottoms
        self.check_positive("batch_size", "num_classes")
        wanted = 5 if self.p.flag_proposal_only else 7
        if len(self.message.top) != wanted:
            what = f"flag_proposal_only {self.p.flag_proposal_only} makes {wanted} tops"
            raise LayerError(f"{what}, not {len(self.message.top)}", "top")
        if len(x) != 4 or x[1] != 1:
            raise LayerError(f"it takes a heat map (n, 1, h, w), not {show(x)}", "bottom", 0)
        if not facts or count(facts, 1) != 18:
            raise LayerError(f"facts have the shape Nx18, not {show(facts)}", "bottom", 1)
        batch, wide = self.p.batch_size, 4 * self.p.num_classes
        return tuple((batch, n, 1, 1) for n in (5, 1, wide, wide, wide, 5, 1)[:wanted])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(falling)
        b.helper(hardest_places)
        b.helper(drawn_background)
        return b.call(
            generated_regions,
            *bottoms,
            self.p.batch_size,
            self.p.num_classes,
            share=single(self.p.fg_fraction),
            scale=single(self.p.spatial_scale),
            alone=bool(self.p.flag_proposal_only),
        )


def generated_regions(
    heat: torch.Tensor,
    facts: torch.Tensor,
    parameters: torch.Tensor,
    batch: int,
    classes: int,
    share: float = 0.25,
    scale: float = 0.0625,
    alone: bool = True,
) -> tuple[torch.Tensor, ...]:
    """Regions, subclasses, targets and weights, and regions and classes at the mapped scale."""
    heat = heat.detach()[:, 0]
    scales = int(parameters.flatten()[0])
    objects, places = hardest_places(heat, facts, scales, batch, share)
    regions, mapped = drawn_background(places, heat, parameters, scale)
    number = len(places)
    targets = objects.new_zeros(len(objects) + number, classes, 4)
    weights = targets.clone()
    index = torch.arange(len(objects), device=heat.device)
    targets[index, objects[:, 12].long()] = objects[:, 14:]
    weights[index, objects[:, 12].long()] = 1
    none = objects.new_zeros(number, 1)
    tops = [torch.cat([objects[:, 2:7], regions]), torch.cat([objects[:, 13:14], none])]
    tops += [targets.flatten(1), weights.flatten(1), weights.flatten(1)]
    if not alone:
        tops += [torch.cat([objects[:, 7:12], mapped])]
        tops += [torch.cat([objects[:, 12:13], none])]
    return tuple(top[:, :, None, None] for top in tops)


def hardest_places(
    heat: torch.Tensor,
    facts: torch.Tensor,
    scales: int,
    batch: int,
    share: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The facts of the objects that are taken, and the places of background in the heat map."""
    heat, facts = heat.clone(), facts.detach().reshape(-1, 18)
    images = heat.shape[0] // scales
    each = batch // images
    column, row, level = facts[:, :3].long().unbind(1)
    chance = heat[level, row, column]
    heat[level, row, column] = -1
    chosen, background = [], []
    for image in range(images):
        mine = (level // scales == image).nonzero()[:, 0]
        if len(mine) > int(share * each):
            mine = mine[chance[mine].argsort(stable=True)[: int(share * each)]]
        chosen.append(mine)
        own = heat[image * scales : (image + 1) * scales].flatten()
        hard = falling(own)[: each - len(mine)]
        background.append(hard + image * own.numel())
    return facts[torch.cat(chosen)], torch.cat(background)


def drawn_background(
    places: torch.Tensor,
    heat: torch.Tensor,
    parameters: torch.Tensor,
    scale: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Regions of a random aspect around places of a heat map, and at their mapped scale."""
    height, width = heat.shape[1:]
    facts = parameters.detach().flatten()
    scales, aspects = int(facts[0]), int(facts[1])
    sizes, target = facts[2 : 2 + scales], facts[2 + scales : 2 + 2 * scales]
    high, wide = facts[2 + 2 * scales : 2 + 2 * scales + 2 * aspects].reshape(2, -1)
    level = places // (height * width)
    row, column = places % (height * width) // width, places % width
    aspect = torch.randint(aspects, places.shape, device=heat.device)
    half = torch.stack([wide[aspect], high[aspect]], 1) / 2
    middle = torch.stack([column, row], 1).to(heat.dtype)
    corners = torch.cat([middle - half, middle + half], 1) / scale
    own = sizes[level % scales]
    limit = (own / sizes[-1])[:, None] * heat.new_tensor([width, height])
    inside = (middle < limit).all(1)
    other = target[level % scales].long().clamp(0, scales - 1)
    moved = torch.where(inside, level // scales * scales + other, level)
    factor = torch.where(inside, sizes[other] / own, 1)
    regions = torch.cat([level[:, None].to(heat.dtype), corners], 1)
    mapped = torch.cat([moved[:, None].to(heat.dtype), corners * factor[:, None]], 1)
    return regions, mapped
