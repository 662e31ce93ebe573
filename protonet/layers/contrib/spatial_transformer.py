"""SpatialTransformer: an image looked up where an affine map of each pixel's place points."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.sampling import affine_places, looked_up
from protonet.program import Builder, Expr, single, torch

_ENTRIES = tuple(f"theta_{row}_{column}" for row in (1, 2) for column in (1, 2, 3))


@register("SpatialTransformer")
class SpatialTransformer(Layer):
    """Look an image up, bilinearly, at the places that an affine map gives to the top's pixels.

    An image (n, c, h, w) and maps (n, 6), less those entries that theta_1_1 to theta_2_3 state,
    to (n, c, output_H, output_W), by default the image's size. Places go from -1 to less than 1,
    rows before columns, and outside of the image are zeros. With ``to_compute_dU: false`` the
    image takes no gradient. Source: SpatialTransformerLayer of ALISCIFP's Segmentation, on the GPU.
    """

    param = "st_param"
    bottoms = (2, 2)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "SpatialTransformer" bottom: "x" bottom: "theta" top: "y" '
            "st_param { output_H: 4 output_W: 5 } }",
            {"x": (2, 3, 6, 8), "theta": (2, 6)},
            {"y": (2, 3, 4, 5)},
            "y = spatially_transformed(x, theta, 4, 5)",
        ),
        Example(
            'layer { name: "l" type: "SpatialTransformer" bottom: "x" bottom: "theta" top: "y" '
            "st_param { theta_1_1: 0.5 theta_1_2: 0 theta_2_1: 0 theta_2_2: 0.5 } }",
            {"x": (2, 3, 6, 8), "theta": (2, 2)},
            {"y": (2, 3, 6, 8)},
            "l_theta = affine_map(theta, [0.5, 0.0, None, 0.0, 0.5, None])",
        ),
    )

    def constant_bottoms(self) -> tuple[int, ...]:
        return () if self.p.to_compute_dU else (0,)

    def stated(self) -> list[float | None]:
        """The six entries of the map, None where they come from the bottom."""
        return [single(getattr(self.p, name)) if self.has(name) else None for name in _ENTRIES]

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, theta = bottoms
        for field, only in (("transform_type", "affine"), ("sampler_type", "bilinear")):
            if getattr(self.p, field) != only:
                what = f"{field} {getattr(self.p, field)!r} is not known"
                raise LayerError(what, field, hint=f"there is only {only!r}")
        if len(x) != 4:
            raise LayerError(f"it takes an image (n, c, h, w), not {show(x)}", "bottom", 0)
        free = self.stated().count(None)
        if not theta or theta[0] != x[0] or count(theta, 1) != free:
            what = f"{x[0]} images take maps of {x[0]}x{free}, not {show(theta)}"
            hint = "the map's six entries are those stated and the bottom's"
            raise LayerError(what, "bottom", 1, hint=hint)
        height = self.p.output_H if self.has("output_H") else x[2]
        width = self.p.output_W if self.has("output_W") else x[3]
        for field, side in (("output_H", height), ("output_W", width)):
            if side < 1:
                raise LayerError(f"{field} must be at least 1, not {side}", field)
        return ((*x[:2], height, width),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x, theta = bottoms
        b.helper(looked_up)
        b.helper(affine_places)
        stated = self.stated()
        if stated.count(None) < len(stated):
            theta = b.let("theta", b.call(affine_map, theta, stated))
        return b.call(spatially_transformed, x, theta, *b.tops[0][2:])


def affine_map(theta: torch.Tensor, stated: list[float | None]) -> torch.Tensor:
    """Maps (n, 6) of the entries that are stated, and in order those that are not."""
    given, ones = iter(theta.flatten(1).unbind(1)), theta.new_ones(len(theta))
    whole = [next(given) if n is None else n * ones for n in stated]
    return torch.stack(whole, 1)


def spatially_transformed(
    image: torch.Tensor,
    theta: torch.Tensor,
    height: int,
    width: int,
) -> torch.Tensor:
    """The image at the places of an affine map, bilinear; zeros outside of it."""
    h, w = image.shape[2:]
    places = affine_places(theta, height, width)
    y, x = (places[:, 0] + 1) / 2 * h, (places[:, 1] + 1) / 2 * w
    top, left = y.floor(), x.floor()
    y, x = y - top, x - left
    total = image.new_zeros(())
    for row, down in ((top, 1 - y), (top + 1, y)):
        for column, across in ((left, 1 - x), (left + 1, x)):
            inside = (row >= 0) & (row < h) & (column >= 0) & (column < w)
            kept, line = (torch.where(inside, one, 0).long() for one in (column, row))
            weight = torch.where(inside, down * across, 0)
            total = total + looked_up(image, kept, line) * weight.unsqueeze(1)
    return total
