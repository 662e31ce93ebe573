"""BoxAnnotatorOHEM: the labels of the regions that are hardest, of the R-FCN fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch


@register("BoxAnnotatorOHEM")
class BoxAnnotatorOHEM(Layer):
    """Keep the labels and weights of the regions with the greatest losses in each image.

    Regions (n, 5), the loss (n, 1, h, w) and label of each, and weights (n, c, h, w), to labels
    (n, 1, h, w), ignore_label where a region is not among roi_per_img of its image, and weights,
    0 there. No gradient. Source: BoxAnnotatorOHEMLayer of daijifeng001's caffe-rfcn.
    """

    param = "box_annotator_ohem_param"
    bottoms = (4, 4)
    tops = (2, 2)
    examples = (
        Example(
            'layer { name: "l" type: "BoxAnnotatorOHEM" bottom: "x" bottom: "loss" '
            'bottom: "label" bottom: "weight" top: "y" top: "z" '
            "box_annotator_ohem_param { roi_per_img: 2 } }",
            {"x": (4, 5), "loss": (4, 1, 1, 1), "label": (4,), "weight": (4, 8)},
            {"y": (4, 1, 1, 1), "z": (4, 8, 1, 1)},
            "y, z = hardest_regions(x, loss, label, weight, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        regions, losses, labels, weights = bottoms
        height, width = (*regions[2:], 1, 1)[:2]
        if len(regions) < 2 or regions[1] != 5:
            raise LayerError(f"regions have 5 channels, unlike {show(regions)}", "bottom", 0)
        places = regions[0] * height * width
        for index, x in enumerate((losses, labels), 1):
            if count(x) != places:
                raise LayerError(f"{places} regions take as many, not {show(x)}", "bottom", index)
        if len(weights) < 2 or count(weights) != places * weights[1]:
            raise LayerError(f"{places} regions do not fit {show(weights)}", "bottom", 3)
        if not self.p.roi_per_img:
            raise LayerError("roi_per_img must be positive", *["roi_per_img"] * self.has_number)
        return (regions[0], 1, height, width), (regions[0], weights[1], height, width)

    @property
    def has_number(self) -> bool:
        """Whether roi_per_img is stated."""
        return self.has("roi_per_img")

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        most, ignored = self.p.roi_per_img, self.p.ignore_label
        return b.call(hardest_regions, *bottoms, most, ignore_label=ignored)


def hardest_regions(
    regions: torch.Tensor,
    losses: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    most: int,
    ignore_label: int = -1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and weights, left out but for so many regions an image."""
    size = (*regions.shape[2:], 1, 1)[:2]
    image = regions[:, 0].flatten()
    order = losses.flatten().argsort(descending=True, stable=True)
    same = image[order, None] == torch.unique(image)
    rank = torch.empty_like(order)
    rank[order] = (same.cumsum(0) * same).sum(1)
    hard = (rank <= most).reshape(-1, 1, *size)
    labels = labels.detach().reshape(-1, 1, *size)
    weights = weights.detach().reshape(regions.shape[0], -1, *size)
    return torch.where(hard, labels, ignore_label), torch.where(hard, weights, 0)
