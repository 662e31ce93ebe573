"""ClusterDetections and ClusterGroundtruth: the boxes of DetectNet's grid, without its Python."""

from __future__ import annotations

from collections.abc import Callable

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, F, torch

_SIZES = "image's width and height, stride"


class _Cluster(Layer):
    """What both say of a grid: coverage (n, classes, h, w) and boxes (n, 4, h, w)."""

    param = "python_param"
    bottoms = (2, 2)
    tops = (1, None)
    constants = (0, 1)
    kinds: tuple[Callable[[str], float], ...] = (int, int, int)
    words = f"the {_SIZES} and number of classes"

    def numbers_given(self) -> list[float]:
        """The numbers of param_str, the last of them the number of classes."""
        parts = self.p.param_str.split(",")
        try:
            found = [kind(part) for kind, part in zip(self.kinds, parts, strict=False)]
            classes = int(parts[len(self.kinds)]) if len(parts) > len(self.kinds) else 1
        except ValueError:
            found = []
        if len(found) < len(self.kinds):
            what = f"param_str holds {self.words}, not {self.p.param_str[:60]!r}"
            raise LayerError(what, "param_str")
        if min(found[:3]) < 1 or min(found[0], found[1]) < found[2]:
            what = (
                f"a grid of {found[0]}x{found[1]} pixels takes a stride of at least 1 and at most"
            )
            raise LayerError(f"{what} both, not {found[2]}", "param_str")
        return [*found, classes]

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        coverage, boxes = bottoms
        classes = int(self.numbers_given()[-1])
        if len(coverage) != 4 or coverage[1] != classes:
            what = f"{classes} classes take a coverage Nx{classes}xHxW, not {show(coverage)}"
            raise LayerError(what, "bottom", 0)
        if boxes != (coverage[0], 4, *coverage[2:]):
            what = f"a coverage {show(coverage)} takes boxes Nx4xHxW of its size"
            raise LayerError(f"{what}, not {show(boxes)}", "bottom", 1)
        if len(self.message.top) != classes:
            what = f"{classes} classes take as many tops, not {len(self.message.top)}"
            raise LayerError(what, "top")
        return ((coverage[0], 50, 5),) * classes


@register("caffe.layers.detectnet.clustering.ClusterDetections")
class ClusterDetections(_Cluster):
    """Group the boxes of the covered cells, for each class the means of the groups.

    Coverage (n, classes, h, w) and boxes (n, 4, h, w) of x1, y1, x2, y2 from each cell's corner, to
    (n, 50, 5) for each class, of corners and the logarithm of how many cells had such a box, in
    half precision, and zeros. param_str holds the image's width and height, stride, the least
    coverage, how many cells a group must exceed, how far its boxes lie apart in parts of their
    size, the least height, and the number of classes. More than 50 boxes are an error. No gradient.
    Source: NVIDIA's Caffe fork, python/caffe/layers/detectnet/clustering.py, whose groups are
    OpenCV's groupRectangles.
    """

    kinds = (int, int, int, float, int, float, int)
    words = f"the {_SIZES}, least coverage, least group, distance, least height and classes"
    examples = (
        Example(
            'layer { name: "cluster" type: "Python" bottom: "x" bottom: "boxes" top: "y" '
            'python_param { module: "caffe.layers.detectnet.clustering" '
            'layer: "ClusterDetections" param_str: "64, 32, 16, 0.6, 3, 0.02, 22, 1" } }',
            {"x": (2, 1, 2, 4), "boxes": (2, 4, 2, 4)},
            {"y": (2, 50, 5)},
            "y = clustered_boxes(x, boxes, (64, 32), 16, 0.6, 3, 0.02, 22)",
        ),
    )

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        for helper in (grid_boxes, grouped_boxes, grouped_means):
            b.helper(helper)
        width, height, stride, *numbers, classes = self.numbers_given()
        sides = (int(width), int(height))
        return tuple(
            b.call(clustered_boxes, each, bottoms[1], sides, stride, *numbers)
            for each in coverages(bottoms[0], int(classes))
        )


@register("caffe.layers.detectnet.clustering.ClusterGroundtruth")
class ClusterGroundtruth(_Cluster):
    """The different boxes of the covered cells, for each class.

    Coverage (n, classes, h, w) and boxes (n, 4, h, w) of x1, y1, x2, y2 from each cell's corner, to
    (n, 50, 5) for each class, of corners in half precision and 0, and zeros; the order is by the
    corners, where the fork's is a set's. param_str holds the image's width and height, stride and
    number of classes. More than 50 boxes are an error. No gradient. Source: NVIDIA's Caffe fork,
    python/caffe/layers/detectnet/clustering.py.
    """

    examples = (
        Example(
            'layer { name: "truth" type: "Python" bottom: "x" bottom: "boxes" top: "y" '
            'python_param { module: "caffe.layers.detectnet.clustering" '
            'layer: "ClusterGroundtruth" param_str: "64, 32, 16, 1" } }',
            {"x": (2, 1, 2, 4), "boxes": (2, 4, 2, 4)},
            {"y": (2, 50, 5)},
            "y = true_grid_boxes(x, boxes, (64, 32), 16)",
        ),
    )

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        b.helper(grid_boxes)
        width, height, stride, classes = self.numbers_given()
        sides = (int(width), int(height))
        return tuple(
            b.call(true_grid_boxes, each, bottoms[1], sides, stride)
            for each in coverages(bottoms[0], int(classes))
        )


def coverages(x: Expr, classes: int) -> list[Expr]:
    """The coverage of each class, (n, 1, h, w)."""
    every = slice(None)
    return [x] if classes == 1 else [x[every, i : i + 1] for i in range(classes)]


def grid_boxes(
    covered: torch.Tensor,
    boxes: torch.Tensor,
    size: tuple[int, int],
    stride: int,
) -> torch.Tensor:
    """The boxes (found, 4) of an image's cells that are covered, (h, w), in pixels."""
    wide, high = size[0] // stride, size[1] // stride
    y, x = covered[:high, :wide].nonzero(as_tuple=True)
    corner = torch.stack([x * (size[0] / wide), y * (size[1] / high)], 1).repeat(1, 2)
    return boxes[:, y, x].t() + corner.to(boxes)


def true_grid_boxes(
    coverage: torch.Tensor,
    boxes: torch.Tensor,
    size: tuple[int, int],
    stride: int,
) -> torch.Tensor:
    """The different boxes of the covered cells, (n, 50, 5)."""
    rows = coverage.new_zeros(len(coverage), 50, 5)
    for image in range(len(coverage)):
        found = grid_boxes(coverage[image, 0] > 0, boxes[image], size, stride)
        found = torch.unique(found, dim=0).half()
        rows[image, : len(found), :4] = found.to(rows)
    return rows


def clustered_boxes(
    coverage: torch.Tensor,
    boxes: torch.Tensor,
    size: tuple[int, int],
    stride: int,
    least: float,
    group: int,
    distance: float,
    height: int,
) -> torch.Tensor:
    """The groups of boxes of the covered cells, and the logarithms of their sizes."""
    rows = coverage.new_zeros(len(coverage), 50, 5)
    for image in range(len(coverage)):
        covered = coverage[image, 0].detach() >= least
        found = grid_boxes(covered, boxes[image].detach(), size, stride)
        if found.any():
            found = torch.cat([found[:, :2], found[:, 2:] - found[:, :2]], 1).trunc()
            found, count = grouped_boxes(found, group, distance)
            tall = found[:, 3] >= height
            found, count = found[tall], count[tall]
            row = [found[:, :2], found[:, :2] + found[:, 2:], count[:, None].log()]
            rows[image, : len(found)] = torch.cat(row, 1).half().to(rows)
    return rows


def grouped_boxes(
    boxes: torch.Tensor,
    most: int,
    distance: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The means of groups of more than ``most`` boxes by corner and size, and their sizes.

    Source: OpenCV's groupRectangles, which puts alike boxes into one group, and leaves out small
    groups inside larger ones.
    """
    if most <= 0:
        return boxes, boxes.new_ones(len(boxes))
    means, count = grouped_means(boxes, distance)
    kept = count > most
    means, count = means[kept], count[kept]
    low, high = means[:, :2], means[:, :2] + means[:, 2:]
    around = (means[:, 2:].double() * distance).round()
    within = (low[:, None] >= low - around) & (high[:, None] <= high + around)
    inside = within.all(2)
    beaten = (count > count[:, None].clamp(min=3)) | (count[:, None] < 3)
    other = ~torch.eye(len(means), dtype=torch.bool, device=means.device)
    stays = ~(inside & beaten & other).any(1)
    return means[stays], count[stays]


def grouped_means(
    boxes: torch.Tensor,
    distance: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rounded means of boxes that are alike, or alike through others, and their numbers."""
    least = torch.minimum(boxes[:, None, 2:], boxes[:, 2:]).sum(2).double()
    edges = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
    apart = (edges[:, None] - edges).abs().amax(2)
    alike = apart.double() <= distance * least * 0.5
    group = torch.arange(len(boxes), device=boxes.device)
    before = torch.full_like(group, -1)
    while not torch.equal(group, before):
        before = group
        group = torch.where(alike, group, len(boxes)).amin(1)
    first, place = torch.unique(group, return_inverse=True)
    member = F.one_hot(place, len(first)).t().float()
    count = member.sum(1)
    return (member @ boxes.float() * (1 / count)[:, None]).round(), count
