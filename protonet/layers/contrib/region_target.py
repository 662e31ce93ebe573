"""ProposalTarget: a sample of regions with what they are, of MS-CNN's and Cascade R-CNN's forks."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.boxes import box_deltas
from protonet.layers.regions import region_overlap, spread_of
from protonet.program import Builder, Expr, F, nn, single, torch

_RANDOM = ("num_img_per_batch", "img_width", "img_height")


@register("ProposalTarget")
class RegionTarget(Layer):
    """Sample regions and true boxes, and say of each what it is and how far off.

    Regions (n, 5) and true boxes (m, 7) of image, x1, y1, x2, y2, label, ignored, to regions
    (k, 5, 1, 1), labels (k, 1, 1, 1), targets, inside and outside weights (k, 4 * cls_num, 1, 1),
    8 for cls_aware false, and matched boxes (k, 6, 1, 1) of label, corners and overlap; a seventh
    top has weights of the samples, (k, 1, 1, 1). k is batch_size, -1 for all. True boxes (m, 8),
    with whether they are difficult, are Cascade R-CNN's: there, k is smaller where regions lack,
    which MS-CNN fills up with random ones. No gradient.
    Source: ProposalTargetLayer of zhaoweicai's mscnn and cascade-rcnn.
    """

    param = "proposal_target_param"
    bottoms = (2, 2)
    tops = (6, 7)
    grows = 0
    examples = (
        Example(
            'layer { name: "l" type: "ProposalTarget" bottom: "x" bottom: "truth" '
            'top: "regions" top: "label" top: "target" top: "inside" top: "outside" top: "match" '
            "proposal_target_param { cls_num: 3 batch_size: 8 num_img_per_batch: 2 "
            "img_width: 100 img_height: 80 } }",
            {"x": (4, 5, 1, 1), "truth": (2, 7, 1, 1)},
            {
                "regions": (8, 5, 1, 1),
                "label": (8, 1, 1, 1),
                "target": (8, 12, 1, 1),
                "inside": (8, 12, 1, 1),
                "outside": (8, 12, 1, 1),
                "match": (8, 6, 1, 1),
            },
            "self.l = RegionSampler(3, 8, images=2, size=(100, 80))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        regions, truth = bottoms
        if len(regions) < 2 or count(regions, 1) != 5:
            raise LayerError(f"regions have the shape Nx5, not {show(regions)}", "bottom", 0)
        if len(truth) < 2 or count(truth, 1) not in (7, 8):
            raise LayerError(
                f"true boxes have the shape Nx7 or Nx8, not {show(truth)}", "bottom", 1
            )
        p, aware = self.p, self.message.bbox_reg_param.cls_aware
        if p.cls_num < 2:
            raise LayerError(f"cls_num is at least 2, not {p.cls_num}", "cls_num")
        if p.batch_size < 1 and p.batch_size != -1:
            raise LayerError(f"batch_size is positive or -1, not {p.batch_size}", "batch_size")
        if p.fg_thr <= 0:
            raise LayerError(f"fg_thr must be positive, not {single(p.fg_thr)}", "fg_thr")
        if p.fg_thr < p.bg_thr_hg:
            what = f"bg_thr_hg {single(p.bg_thr_hg)} is above fg_thr {single(p.fg_thr)}"
            raise LayerError(what, *["bg_thr_hg"] * self.has("bg_thr_hg"))
        self.check_positive("num_img_per_batch")
        for field in ("img_width", "img_height"):
            if getattr(p, field) < 33 and p.batch_size > 0:
                what = f"{field} is at least 33, not {getattr(p, field)}"
                raise LayerError(what, *[field] * self.has(field))
        spread_of(self.message)
        rows = p.batch_size if p.batch_size > 0 else max(regions[0], 1)
        wide = 4 * p.cls_num if aware else 8
        widths = (5, 1, wide, wide, wide, 6, 1)[: len(self.message.top)]
        return tuple((rows, width, 1, 1) for width in widths)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        for helper in (box_deltas, region_overlap):
            b.helper(helper)
        p = self.p
        options = {
            "share": single(p.fg_fraction),
            "images": p.num_img_per_batch,
            "object_from": single(p.fg_thr),
            "background": (single(p.bg_thr_lw), single(p.bg_thr_hg)),
            "size": (p.img_width, p.img_height),
            "spread": spread_of(self.message),
            "by_class": self.message.bbox_reg_param.cls_aware,
            "by_overlap": p.iou_weighted,
            "weighs": len(b.tops) == 7,
            "cascade": count(b.bottoms[1], 1) == 8,
            "box_overlaps": (single(p.bbox_thr_lw), single(p.bbox_thr_hg)),
            "takes_rest": p.pickup_discard,
            "takes_truth": p.append_gtbox,
        }
        differing = {k: v for k, v in options.items() if v != getattr(RegionSampler, k)}
        return b.module(RegionSampler, p.cls_num, p.batch_size, **differing)(*bottoms)


class RegionSampler(nn.Module):
    """Samples of regions, with their labels, targets and weights."""

    share = 0.25
    images = 4
    object_from = 0.5
    background = (0.1, 0.5)
    size = (0, 0)
    spread = ((0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0))
    by_class = True
    by_overlap = False
    weighs = False
    cascade = False
    box_overlaps = (0.0, 10.0)
    takes_rest = True
    takes_truth = True

    def __init__(self, classes: int, sample: int, **options: object) -> None:
        super().__init__()
        self.classes, self.sample = classes, sample
        for name, value in options.items():
            setattr(self, name, value)

    def forward(self, regions: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Regions, labels, targets, inside and outside weights, matched boxes, sample weights."""
        regions, truth = regions.detach().reshape(-1, 5), truth.detach().flatten(1)
        truth = truth[truth[:, 0] != -1] if self.cascade else truth
        if self.takes_truth:
            regions = torch.cat([regions, truth[:, :5]])
        best, nearest = self.matched(regions, truth)
        shown, chosen = self.sampled(best, nearest, truth)
        regions, best, nearest = regions[chosen], best[chosen], nearest[chosen]
        lacking = int(len(chosen) == 0)
        if not self.cascade:
            lacking = self.sample - len(chosen)
        if lacking > 0:
            regions = torch.cat([regions, self.random_regions(truth, lacking)])
            best = F.pad(best, (0, lacking))
            nearest = F.pad(nearest, (0, lacking), value=-1)
        real = torch.arange(len(regions), device=regions.device) < shown
        return self.described(regions, truth, best, nearest, real)

    def matched(
        self,
        regions: torch.Tensor,
        truth: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The greatest overlap of a region with a true box of its image, and which, -1 for none."""
        if len(truth) == 0:
            nothing = regions.new_zeros(len(regions))
            return nothing, nothing.long() - 1
        kind = "pixels" if self.cascade else "edges"
        overlap = region_overlap(self.sides(regions), self.sides(truth), kind)
        overlap = torch.where(regions[:, :1] == truth[:, 0], overlap, -1)
        best, nearest = overlap.max(1)
        return best.clamp(min=0), torch.where(best >= 0, nearest, -1)

    def sides(self, rows: torch.Tensor) -> torch.Tensor:
        """x, y, width and height of rows of image, x1, y1, x2, y2."""
        return torch.cat([rows[:, 1:3], rows[:, 3:5] - rows[:, 1:3] + 1], 1)

    def sampled(
        self,
        best: torch.Tensor,
        nearest: torch.Tensor,
        truth: torch.Tensor,
    ) -> tuple[int, torch.Tensor]:
        """How many objects are taken, and the places of all that are, objects first."""
        low, high = self.background
        above, below = best >= self.object_from, (best >= low) & (best < high)
        ignored = torch.zeros_like(above)
        if len(truth):
            ignored = truth[nearest.clamp(min=0), 6] != 0
        objects = (above & ~ignored).nonzero()[:, 0]
        others = (below & ~above).nonzero()[:, 0]
        rest = (~above & ~below).nonzero()[:, 0]
        total = self.sample if self.sample > 0 else len(objects) + len(others)
        most = int(self.share * total + 0.5) if self.sample > 0 else len(objects)
        if len(objects) > most:
            objects = objects[torch.randperm(len(objects), device=best.device)[:most]]
        most = total - len(objects)
        if len(others) > most:
            others = others[torch.randperm(len(others), device=best.device)[:most]]
        elif self.takes_rest or not self.cascade:
            others = torch.cat([others, rest[: most - len(others)]])
        return len(objects), torch.cat([objects, others])

    def random_regions(self, truth: torch.Tensor, number: int) -> torch.Tensor:
        """So many regions with sides of at least 32 pixels that overlap no true box enough."""
        limit = torch.tensor(self.size, device=truth.device)
        found = truth.new_zeros(0, 5)
        while len(found) < number:
            image = torch.randint(self.images, (number, 1), device=truth.device)
            spare = torch.rand(2, number, 2, device=truth.device, dtype=torch.float64)
            corner = (spare[0] * (limit - 32)).long()
            side = (spare[1] * (limit - corner)).long().clamp(min=32)
            rows = torch.cat([image, corner, corner + side - 1], 1).to(truth)
            rows = rows[self.matched(rows, truth)[0] < self.object_from]
            found = torch.cat([found, rows])
        return found[:number]

    def described(
        self,
        regions: torch.Tensor,
        truth: torch.Tensor,
        best: torch.Tensor,
        nearest: torch.Tensor,
        real: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """What is said of the regions taken, ``real`` where they are of an object."""
        own = truth[nearest] if len(truth) else truth.new_zeros(len(regions), 7)
        label = torch.where(real, own[:, 5], 0)
        mean, deviation = (regions.new_tensor(v) for v in self.spread)
        deltas = (box_deltas(regions[:, 1:], own[:, 1:5]) - mean) / deviation
        group = label.long() if self.by_class else label.long().clamp(max=1)
        places = F.one_hot(group, self.classes if self.by_class else 2).to(deltas)
        places = torch.where(real[:, None], places, 0).repeat_interleave(4, 1)
        targets = torch.where(places > 0, deltas.repeat(1, places.shape[1] // 4), 0)
        if self.cascade:
            fits = (best >= self.box_overlaps[0]) & (best <= self.box_overlaps[1])
            places = places * fits[:, None]
        match = torch.cat([label[:, None], own[:, 1:5], best[:, None]], 1)
        match = torch.where(real[:, None], match, 0)
        tops = [regions, label[:, None], targets, places, places, match]
        if self.weighs:
            tops.append(self.weights(real, best)[:, None])
        return tuple(top[:, :, None, None] for top in tops)

    def weights(self, real: torch.Tensor, best: torch.Tensor) -> torch.Tensor:
        """Weights with which objects are ``share`` of the whole."""
        weights = torch.ones_like(best)
        if self.by_overlap:
            weights = torch.where(real, best, weights)
        ours, others = weights[real].sum(), weights[~real].sum()
        factor = torch.where(real, self.share / ours, (1 - self.share) / others)
        return torch.where(ours != 0, weights * factor * len(real), weights)
