"""SPP: pooling over finer and finer grids, side by side."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, F, torch

_MAX, _AVE = 0, 1


@register("SPP")
class SPP(Layer):
    """Pool into 1, 4, 16, ... bins and join them, so that any image size gives one length.

    (n, c, h, w) to (n, c * (1 + 4 + ...)); one level alone, the image as one bin, keeps its axes:
    (n, c, 1, 1). Source: Caffe's SPPLayer; He et al., ECCV 2014.
    """

    param = "spp_param"
    needs_elements = True
    kind = "pooling"
    examples = (
        Example(
            'layer { name: "l" type: "SPP" bottom: "x" top: "y" spp_param { pyramid_height: 2 } }',
            {"x": (2, 3, 8, 8)},
            {"y": (2, 15)},
            "y = spp(x, 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        height = self.p.pyramid_height
        if len(x) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(x)}", "bottom", 0)
        if 0 in x[2:]:
            raise LayerError(f"there is nothing to pool in {show(x)}", "bottom", 0)
        if height < 1:
            raise LayerError(
                "pyramid_height must be positive, it is 0",
                *(("pyramid_height",) if self.has("pyramid_height") else ()),
            )
        if self.p.pool not in (_MAX, _AVE):
            raise LayerError("it pools by MAX or AVE", "pool")
        if height > 31:
            what = f"pyramid_height is at most 31, where bins are counted in 32 bits, not {height}"
            raise LayerError(what, "pyramid_height")
        bins = 2 ** (height - 1)
        for n in x[2:]:
            size = -(-n // bins)
            if size <= (size * bins - n + 1) // 2:
                what = f"{bins} bins a side do not fit into {n}; the padding exceeds the window"
                raise LayerError(what, "pyramid_height")
        if height == 1:
            return ((*x[:2], 1, 1),)
        return ((x[0], x[1] * sum(4**level for level in range(height))),)

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 0 if self.p.pool == _AVE else 8 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        if self.p.pyramid_height == 1:
            average = self.p.pool == _AVE
            return x.mean((2, 3), keepdim=True) if average else b.call(F.adaptive_max_pool2d, x, 1)
        b.helper(nested_max)
        return b.call(spp, x, self.p.pyramid_height, average=self.p.pool == _AVE)


def nested_max(x: torch.Tensor, height: int) -> torch.Tensor:
    """Max pooling where every bin is made of four finer ones: only the finest look at x.

    Of equal elements the first row by row is taken, which has the gradient in Caffe.
    """
    sides = [n // 2 ** (height - 1) for n in x.shape[2:]]
    value, place = F.max_pool2d(x.detach(), sides, return_indices=True)
    places = [place.flatten(2)]
    for _ in range(height - 1):
        side = value.shape[2] // 2
        four = (*value.shape[:2], side, 2, side, 2)
        values = value.reshape(four).movedim(3, 4).flatten(4)
        spots = place.reshape(four).movedim(3, 4).flatten(4)
        value, behind = values.amax(-1), x.shape[2] * x.shape[3]
        place = torch.where(values < value.unsqueeze(-1), behind, spots).amin(-1)
        places.insert(0, place.flatten(2))
    cuts = [(4**level - 1) // 3 for level in range(1, height)]
    levels = x.flatten(2).gather(2, torch.cat(places, dim=2)).tensor_split(cuts, dim=2)
    return torch.cat([level.flatten(1) for level in levels], dim=1)


def spp(x: torch.Tensor, height: int, average: bool = False) -> torch.Tensor:
    """Pool into grids of 1, 2, 4, ... bins a side; the padding counts in an average."""
    if not average and not any(n % 2 ** (height - 1) for n in x.shape[2:]):
        return nested_max(x, height)
    levels = []
    for level in range(height):
        sides = [-(-n // 2**level) for n in x.shape[2:]]
        lacks = [s * 2**level - n for s, n in zip(sides, x.shape[2:], strict=True)]
        pads = [p for lack in reversed(lacks) for p in ((lack + 1) // 2, lack // 2)]
        fill = 0 if average else torch.finfo(x.dtype).min
        padded = F.pad(x, pads, value=fill) if any(pads) else x
        pooled = F.avg_pool2d(padded, sides) if average else F.max_pool2d(padded, sides)
        levels.append(pooled.flatten(1))
    return torch.cat(levels, dim=1)
