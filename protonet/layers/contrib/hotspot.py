"""Hotspot: points as images with a bright spot each."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, single, torch


@register("Hotspot")
class Hotspot(Layer):
    """Draw the normal density of gaussian_std around each point, what is below 1e-4 as 0.

    Points (n, 2 k) as x, y of an image of data_width x data_height, measured from its middle
    unless mean_removed is false; to (n, k, output_height, output_width), or as large as the second
    bottom. It has no gradient. Source: happynear's Caffe fork, HotspotLayer.
    """

    param = "hotspot_param"
    bottoms = (1, 2)
    constants = (0, 1)
    examples = (
        Example(
            'layer { name: "l" type: "Hotspot" bottom: "points" top: "y" hotspot_param { '
            "data_height: 60 data_width: 60 output_height: 15 output_width: 15 } }",
            {"points": (2, 10)},
            {"y": (2, 5, 15, 15)},
            "y = hotspots(points, (15, 15), (60, 60))",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        points = bottoms[0]
        if len(points) < 2 or points[1] % 2:
            what = f"{show(points)} is no list of points, x and y in turn"
            raise LayerError(what, "bottom", 0)
        for field in ("data_height", "data_width"):
            if not getattr(self.p, field):
                raise LayerError(f"{field} must be positive, it is 0")
        if self.p.gaussian_std <= 0:
            raise LayerError("gaussian_std must be positive", "gaussian_std")
        return ((points[0], points[1] // 2, *self.size(bottoms)),)

    def size(self, bottoms: tuple[Shape, ...]) -> Shape:
        """Height and width of the images."""
        stated = (self.p.output_height, self.p.output_width)
        if all(stated):
            return stated
        if len(bottoms) < 2 or len(bottoms[1]) != 4:
            what = "output_height and output_width, or a second bottom of 4 axes, tell the size"
            raise LayerError(what)
        return bottoms[1][2:]

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        size, p = self.size(b.bottoms), self.p
        options: dict[str, object] = {}
        if p.gaussian_std != 1:
            options["deviation"] = single(p.gaussian_std)
        if not p.mean_removed:
            options["centred"] = False
        points = bottoms[0].flatten(1) if len(b.bottoms[0]) > 2 else bottoms[0]
        return b.call(hotspots, points, size, (p.data_height, p.data_width), **options)


def hotspots(
    points: torch.Tensor,
    size: tuple[int, int],
    data_size: tuple[int, int],
    deviation: float = 1.0,
    centred: bool = True,
) -> torch.Tensor:
    """An image for each point, with a normal density around it."""
    middle = 0.5 if centred else 0.0
    x = (points.detach()[:, 0::2] / data_size[1] + middle) * size[1]
    y = (points.detach()[:, 1::2] / data_size[0] + middle) * size[0]
    columns = torch.arange(size[1], device=points.device)
    rows = torch.arange(size[0], device=points.device)
    across, down = x[..., None, None] - columns, y[..., None, None] - rows[:, None]
    apart = across**2 + down**2
    density = (-0.5 * apart / deviation**2).exp() / (2 * torch.pi * deviation**2)
    return torch.where(density > 1e-4, density, 0.0)
