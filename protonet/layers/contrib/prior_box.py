"""PriorBox: the boxes that a detector's offsets start from, of the SSD fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, number, single, torch


@register("PriorBox")
class PriorBox(Layer):
    """Lay boxes of several sizes and aspect ratios around each place of a feature map.

    A map (n, c, h, w) and the image (n, c', h', w'), to (1, 2, h * w * boxes * 4): the corners in
    units of the image, and their variances. Sizes count as whole pixels, as SSD has them.
    Source: SSD's PriorBoxLayer.
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
            "[0.1, 0.1, 0.1, 0.1],",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, x in enumerate(bottoms):
            if len(x) != 4:
                what = f"it takes 4 axes (n, c, h, w), not {len(x)}"
                raise LayerError(what, "bottom", index)
        self.check_sizes()
        self.check_step()
        if len(self.p.variance) not in (0, 1, 4):
            what = f"variance is given once or 4 times, not {len(self.p.variance)}"
            raise LayerError(what, "variance")
        if any(v <= 0 for v in self.p.variance):
            raise LayerError("variance must be positive", "variance")
        height, width = bottoms[0][2:]
        return ((1, 2, height * width * len(self.sizes()) * 4),)

    def check_sizes(self) -> None:
        """LayerError where the sizes are not positive, or do not go in pairs."""
        least, most = list(self.p.min_size), list(self.p.max_size)
        if not least:
            raise LayerError("it has no min_size")
        for index, size in enumerate(least):
            if size < 1:
                what = f"min_size must be at least 1, not {number(size)}"
                raise LayerError(what, "min_size", index)
        if most and len(most) != len(least):
            what = f"{len(least)} min_size take as many max_size, not {len(most)}"
            raise LayerError(what, "max_size")
        for index, (low, high) in enumerate(zip(least, most, strict=False)):
            if high <= low:
                what = f"max_size {number(high)} must be greater than min_size {number(low)}"
                raise LayerError(what, "max_size", index)
        for index, ratio in enumerate(self.p.aspect_ratio):
            if ratio <= 0:
                what = f"aspect_ratio must be positive, not {number(ratio)}"
                raise LayerError(what, "aspect_ratio", index)

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
        for low, high in zip(self.p.min_size, most, strict=True):
            size = int(low)
            boxes.append((size, size))
            if high is not None:
                boxes.append((math.sqrt(size * int(high)),) * 2)
            roots = [math.sqrt(ratio) for ratio in self.ratios()[1:]]
            boxes += [(size * root, size / root) for root in roots]
        return [(number(width), number(height)) for width, height in boxes]

    def pair(self, whole: str, high: str, wide: str) -> tuple[float, float] | None:
        """A field for both axes, or one for each, as (height, width); None where not stated."""
        if self.has(whole):
            return (number(getattr(self.p, whole)),) * 2
        if self.has(high):
            return number(getattr(self.p, high)), number(getattr(self.p, wide))
        return None

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        variance = [single(v) for v in self.p.variance] or [0.1]
        return b.call(
            prior_boxes,
            *bottoms,
            self.sizes(),
            variance * (4 // len(variance)),
            image_size=self.pair("img_size", "img_h", "img_w"),
            step=self.pair("step", "step_h", "step_w"),
            offset=single(self.p.offset),
            clip=self.p.clip,
        )


def prior_boxes(
    x: torch.Tensor,
    image: torch.Tensor,
    sizes: list[tuple[float, float]],
    variance: list[float],
    image_size: tuple[float, float] | None = None,
    step: tuple[float, float] | None = None,
    offset: float = 0.5,
    clip: bool = False,
) -> torch.Tensor:
    """Boxes of these sizes, (width, height), around each place of a map: (1, 2, n)."""
    height, width = x.shape[2:]
    high, wide = image_size or image.shape[2:]
    down, right = step or (high / height, wide / width)
    center_y = (torch.arange(height, device=x.device).to(x.dtype) + offset) * down
    center_x = (torch.arange(width, device=x.device).to(x.dtype) + offset) * right
    y, x = torch.meshgrid(center_y, center_x, indexing="ij")
    center = torch.stack([x, y], 2)[:, :, None]
    half = center.new_tensor(sizes) / 2
    corners = torch.cat([center - half, center + half], 3)
    corners = (corners / corners.new_tensor([wide, high, wide, high])).view(-1, 4)
    if clip:
        corners = corners.clamp(0, 1)
    spread = corners.new_tensor(variance).expand_as(corners)
    return torch.stack([corners, spread]).view(1, 2, -1)
