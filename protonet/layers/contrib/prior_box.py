"""PriorBox: the boxes that a detector's offsets start from, of the SSD fork."""

from __future__ import annotations

import math
from typing import Any

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, number, single, torch
from protonet.schema.pool import Message


@register("PriorBox")
class PriorBox(Layer):
    """Lay boxes of several sizes and aspect ratios around each place of a feature map.

    A map (n, c, h, w) and the image (n, c', h', w'), to (1, 2, h * w * boxes * 4): the corners in
    units of the image, and their variances. Sizes count as whole pixels, as SSD has them. With
    fixed_size and density a box stands not once but on a grid around each place, cut at the image;
    with two_rows also half a step below it, its size in parts of pixels. ``use_default: false``
    leaves out the box of aspect ratio 1. Source: SSD's PriorBoxLayer; the dense boxes are those of
    FaceBoxes' forks, use_default is 03100076's BDIG's, the two rows are TextBoxes'.
    """

    param = "prior_box_param"
    bottoms = (2, 2)
    kind = "shape"
    examples = (
        Example(
            'layer { name: "l" type: "PriorBox" bottom: "x" bottom: "image" top: "y" '
            "prior_box_param { min_size: 30 max_size: 60 aspect_ratio: 2 variance: 0.1 } }",
            {"x": (2, 8, 4, 5), "image": (2, 3, 32, 40)},
            {"y": (1, 2, 320)},
            "y = prior_boxes(x, image, box_sizes(30, 60, [2]), [0.1, 0.1, 0.1, 0.1])",
        ),
    )

    @classmethod
    def otherwise(cls, message: Message) -> tuple[Message, str] | None:
        other: Any = type(message)()
        other.CopyFrom(message)
        p = other.prior_box_param
        if p.HasField("two_rows") or len(p.min_size) != 1 or p.fixed_size:
            return None
        p.two_rows, p.clip = True, p.clip if p.HasField("clip") else True
        return other, "TextBoxes', which lays each box twice"

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, x in enumerate(bottoms):
            if len(x) != 4:
                what = f"it takes 4 axes (n, c, h, w), not {len(x)}"
                raise LayerError(what, "bottom", index)
        if any(map(self.has, ("fixed_size", "fixed_ratio", "density"))):
            self.check_density()
        else:
            self.check_sizes()
        self.check_step()
        if len(self.p.variance) not in (0, 1, 4):
            what = f"variance is given once or 4 times, not {len(self.p.variance)}"
            raise LayerError(what, "variance")
        if any(v <= 0 for v in self.p.variance):
            raise LayerError("variance must be positive", "variance")
        height, width = bottoms[0][2:]
        boxes = len(self.dense_sizes() if self.p.fixed_size else self.sizes())
        boxes *= 2 if self.p.two_rows else 1
        return ((1, 2, height * width * boxes * 4),)

    def check_sizes(self) -> None:
        """LayerError where the sizes are not positive, or do not go in pairs."""
        least, most = list(self.p.min_size), list(self.p.max_size)
        if not least:
            raise LayerError("it has no min_size")
        if not self.p.use_default:
            self.check_ratios()
        for index, size in enumerate(least):
            if not 1 <= size < math.inf:
                what = f"min_size must be at least 1, not {number(size)}"
                raise LayerError(what, "min_size", index)
        if most and len(most) != len(least):
            what = f"{len(least)} min_size take as many max_size, not {len(most)}"
            raise LayerError(what, "max_size")
        for index, (low, high) in enumerate(zip(least, most, strict=False)):
            if not low < high < math.inf:
                what = f"max_size {number(high)} must be greater than min_size {number(low)}"
                raise LayerError(what, "max_size", index)
        self.check_each("aspect_ratio")

    def check_ratios(self) -> None:
        """LayerError unless there are boxes without the one of aspect ratio 1."""
        if len(self.p.max_size):
            what = "use_default: false takes no max_size, whose boxes the fork does not count"
            raise LayerError(what, "max_size")
        ratios = list(self.p.aspect_ratio)
        if not ratios or any(abs(ratio - 1) < 1e-6 for ratio in ratios):
            what = "use_default: false takes an aspect_ratio at least, and none of 1"
            raise LayerError(what, "use_default")

    def check_each(self, field: str, least: float = 0) -> None:
        """LayerError at a number that is not positive, or below the least."""
        for index, value in enumerate(getattr(self.p, field)):
            if not (0 < value < math.inf and value >= least):
                wanted = f"at least {least}" if least else "positive"
                raise LayerError(f"{field} must be {wanted}, not {number(value)}", field, index)

    def check_density(self) -> None:
        """LayerError where dense boxes are stated in part, or in a way the forks do not count."""
        for field in ("min_size", "max_size"):
            if self.has(field):
                raise LayerError(f"it takes {field} or fixed_size, not both", field)
        sizes, densities, ratios = self.p.fixed_size, self.p.density, self.p.fixed_ratio
        if not sizes:
            stated = "density" if densities else "fixed_ratio"
            raise LayerError(f"{stated} is given without fixed_size", stated)
        if len(densities) != len(sizes):
            what = f"{len(sizes)} fixed_size take as many density, not {len(densities)}"
            raise LayerError(what, "density" if densities else "fixed_size")
        self.check_each("fixed_size", 1)
        self.check_each("density", 1)
        self.check_each("fixed_ratio")
        self.check_each("aspect_ratio")
        if ratios and len(self.p.aspect_ratio):
            raise LayerError("it takes fixed_ratio or aspect_ratio, not both", "fixed_ratio")
        if len(ratios) > 1:
            what = f"it takes one fixed_ratio, not {len(ratios)}, whose boxes no fork counts right"
            raise LayerError(what, "fixed_ratio", 1)

    def check_step(self) -> None:
        """LayerError where sizes or steps are stated for one axis, or in both ways."""
        for whole, high, wide in (("step", "step_h", "step_w"), ("img_size", "img_h", "img_w")):
            stated = [f for f in (whole, high, wide) if self.has(f)]
            if whole in stated and len(stated) > 1:
                what = f"{whole} is given as well as {stated[1]}; it takes one"
                raise LayerError(what, stated[1])
            if len(stated) == 1 and stated != [whole]:
                raise LayerError(f"{high} and {wide} go together", stated[0])
            for field in stated:
                if getattr(self.p, field) <= 0:
                    raise LayerError(f"{field} must be positive", field)

    def ratios(self) -> list[float]:
        """The aspect ratios, 1 first, each with its inverse where ``flip`` says so."""
        found = [1.0]
        for ratio in map(single, self.p.aspect_ratio):
            if all(abs(ratio - other) >= 1e-6 for other in found):
                found += [ratio, 1 / ratio] if self.p.flip else [ratio]
        return found

    def sizes(self) -> list[tuple[float, float]]:
        """(width, height) in pixels of the boxes around one place."""
        boxes: list[tuple[float, float]] = []
        most = list(self.p.max_size) or [None] * len(self.p.min_size)
        whole = single if self.p.two_rows else int
        for low, high in zip(self.p.min_size, most, strict=True):
            size = whole(low)
            if self.p.use_default:
                boxes.append((size, size))
            if high is not None:
                boxes.append((math.sqrt(size * whole(high)),) * 2)
            roots = [math.sqrt(ratio) for ratio in self.ratios()[1:]]
            boxes += [(size * root, size / root) for root in roots]
        return [(number(width), number(height)) for width, height in boxes]

    def stated(self, b: Builder) -> list[tuple[float, float]] | Expr:
        """The sizes, by what they are made of where that is one size with flipped ratios."""
        ratios = self.ratios()[1:]
        plain = self.p.use_default and not self.p.two_rows and len(self.p.min_size) == 1
        if not plain or not (ratios and self.p.flip):
            return self.sizes()
        most = int(self.p.max_size[0]) if self.p.max_size else None
        return b.call(box_sizes, int(self.p.min_size[0]), most, list(map(number, ratios[::2])))

    def dense_sizes(self) -> list[tuple[float, float, float, float]]:
        """(width, height) of the boxes around one place, and how far right and below it each is."""
        boxes: list[tuple[float, float, float, float]] = []
        for fixed, density in zip(map(single, self.p.fixed_size), self.p.density, strict=True):
            places = range(int(density))
            step = int(fixed / int(density))
            start = step / 2 - int(fixed) // 2
            for ratio in map(single, self.p.fixed_ratio) if self.p.fixed_ratio else self.ratios():
                root = math.sqrt(ratio)
                plain = ratio == 1 and not self.p.fixed_ratio
                size = (int(fixed),) * 2 if plain else (fixed * root, fixed / root)
                around = [(start + i * step, start + j * step) for j in places for i in places]
                boxes += [(number(size[0]), number(size[1]), *place) for place in around]
        return boxes

    def pair(self, whole: str, high: str, wide: str) -> tuple[float, float] | None:
        """A field for both axes, or one for each, as (height, width); None where not stated."""
        if self.has(whole):
            return (number(getattr(self.p, whole)),) * 2
        if self.has(high):
            return number(getattr(self.p, high)), number(getattr(self.p, wide))
        return None

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        variance = [single(v) for v in self.p.variance] or [0.1]
        dense = self.dense_sizes() if self.p.fixed_size else []
        shifts = {"shifts": [box[2:] for box in dense]} if dense else {}
        return b.call(
            prior_boxes,
            *bottoms,
            [box[:2] for box in dense] or self.stated(b),
            variance * (4 // len(variance)),
            image_size=self.pair("img_size", "img_h", "img_w"),
            step=self.pair("step", "step_h", "step_w"),
            offset=single(self.p.offset),
            clip=self.p.clip,
            two_rows=self.p.two_rows,
            **shifts,
        )


def box_sizes(
    least: int,
    most: int | None,
    ratios: list[float],
) -> list[tuple[float, float]]:
    """Widths and heights: a square, one between it and the next size, and each ratio both ways."""
    sizes: list[tuple[float, float]] = [(least, least)]
    if most:
        sizes.append((math.sqrt(least * most),) * 2)
    roots = [math.sqrt(each) for ratio in ratios for each in (ratio, 1 / ratio)]
    return sizes + [(least * root, least / root) for root in roots]


def prior_boxes(
    x: torch.Tensor,
    image: torch.Tensor,
    sizes: list[tuple[float, float]],
    variance: list[float],
    image_size: tuple[float, float] | None = None,
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
    shifts: list[tuple[float, float]] | None = None,
    two_rows: bool = False,
) -> torch.Tensor:
    """Boxes of these sizes, (width, height), around each place of a map: (1, 2, n).

    With ``shifts``, (right, down), they stand beside the place, and are cut at the image. With
    ``two_rows`` each stands also half a step below.
    """
    height, width = x.shape[2:]
    high, wide = image_size or image.shape[2:]
    down, right = step or (high / height, wide / width)
    center_y = (torch.arange(height, device=x.device).to(x.dtype) + offset) * down
    center_x = (torch.arange(width, device=x.device).to(x.dtype) + offset) * right
    y, x = torch.meshgrid(center_y, center_x, indexing="ij")
    center = torch.stack([x, y], 2)[:, :, None]
    if shifts:
        center = center + center.new_tensor(shifts)
    half = center.new_tensor(sizes) / 2
    if two_rows:
        center = center[:, :, None] + center.new_tensor([[0, 0], [0, down / 2]])
        half = half[:, None]
    corners = torch.cat([center - half, center + half], -1)
    corners = (corners / corners.new_tensor([wide, high, wide, high])).view(-1, 4)
    if shifts:
        first, last = corners[:, :2].clamp(min=0), corners[:, 2:].clamp(max=1)
        corners = torch.cat([first, last], 1)
    if clip:
        corners = corners.clamp(0, 1)
    spread = corners.new_tensor(variance).expand_as(corners)
    return torch.stack([corners, spread]).view(1, 2, -1)
