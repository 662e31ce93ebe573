"""Resample: images in another size, of FlowNet2's fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr, torch

_NEAREST, _LINEAR, _CUBIC, _AREA = 1, 2, 3, 4


@register("Resample")
class Resample(Layer):
    """Resize to width and height, or to the second bottom's, by a weighted mean of near pixels.

    (n, c, h, w) to (n, c, h', w'). LINEAR or CUBIC, with ``antialias`` as wide as the pixels of
    the top where it shrinks, or NEAREST. Where the two axes are scaled differently each is moved
    by the other's half pixel, as in the fork. Source: FlowNet2's ResampleLayer, whose gradient is
    not implemented.
    """

    param = "resample_param"
    bottoms = (1, 2)
    kind = "shape"
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "Resample" bottom: "x" top: "y" '
            "resample_param { width: 16 height: 12 } }",
            {"x": (1, 3, 6, 8)},
            {"y": (1, 3, 12, 16)},
            "y = resampled(x, 12, 16)",
        ),
        Example(
            'layer { name: "l" type: "Resample" bottom: "x" bottom: "like" top: "y" '
            "resample_param { type: NEAREST } }",
            {"x": (1, 3, 6, 8), "like": (1, 1, 3, 4)},
            {"y": (1, 3, 3, 4)},
            "y = resampled(x, like.shape[2], like.shape[3])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x = bottoms[0]
        for index, shape in enumerate(bottoms):
            if len(shape) != 4:
                raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(shape)}", "bottom", index)
        if self.p.type == _AREA:
            raise LayerError("type AREA is not in the fork, either; it has the other three", "type")
        if len(bottoms) == 1:
            self.check_positive("width", "height")
        size = bottoms[1][2:] if len(bottoms) > 1 else (self.p.height, self.p.width)
        if 0 in (*size, *x[2:]):
            raise LayerError(f"there is no {show(size)} to be made of {show(x[2:])}", "bottom", 0)
        if self.p.type == _NEAREST and not _stays_inside(x[2:], size):
            what = f"NEAREST from {show(x[2:])} to {show(size)} reads beyond the image in the fork"
            raise LayerError(what, "type", hint="LINEAR does not")
        return ((*x[:2], *size),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        x = bottoms[0]
        sized = (x, self.p.height, self.p.width)
        if self.p.type == _NEAREST:
            b.helper(pixels_behind)
            options: dict[str, object] = {"mode": "nearest"}
        else:
            for helper in (pixels_behind, shares):
                b.helper(helper)
            options = {"mode": "cubic"} if self.p.type == _CUBIC else {}
            options |= {} if self.p.antialias else {"antialias": False}
        if len(bottoms) > 1:
            like = bottoms[1].shape
            return b.call(resampled, x, like[2], like[3], **options)
        return b.call(resampled, *sized, **options)


def _stays_inside(old: Shape, new: Shape) -> bool:
    """Whether NEAREST takes pixels that there are."""
    ratios = [a / b for a, b in zip(old, new, strict=True)]
    last = [
        int((n - 1) * own + other / 2)
        for n, own, other in zip(new, ratios, ratios[::-1], strict=True)
    ]
    return all(place < size for place, size in zip(last, old, strict=True))


def resampled(
    x: torch.Tensor,
    height: int,
    width: int,
    mode: str = "linear",
    antialias: bool = True,
) -> torch.Tensor:
    """Images in another size: each pixel a weighted mean of those about its place."""
    fy, fx = x.shape[2] / height, x.shape[3] / width
    y_in = pixels_behind(x, height, fy, fx)
    x_in = pixels_behind(x, width, fx, fy)
    if mode == "nearest":
        rows, columns = ((p + 0.5).floor().long() for p in (y_in, x_in))
        return x[:, :, rows][..., columns]
    smooth = antialias and max(fx, fy) > 1
    down = shares(y_in, x.shape[2], fy, smooth, mode == "cubic")
    across = shares(x_in, x.shape[3], fx, smooth, mode == "cubic")
    return down @ x @ across.t()


def pixels_behind(
    x: torch.Tensor,
    size: int,
    own: float,
    other: float,
) -> torch.Tensor:
    """The places along one axis of which the pixels of a new size are made."""
    pixels = torch.arange(size, dtype=x.dtype, device=x.device)
    return pixels * own + other / 2 - 0.5


def shares(
    places: torch.Tensor,
    size: int,
    scale: float,
    smooth: bool,
    cubic: bool,
) -> torch.Tensor:
    """How much each old pixel gives to each place, (places, size)."""
    old = torch.arange(size, dtype=places.dtype, device=places.device)
    apart = (places.unsqueeze(1) - old).abs()
    far = (old - (places + 0.5).floor().unsqueeze(1)).abs()
    sharp = 1 / scale if smooth else 1.0
    reach = 2 if scale < 1 else math.ceil((4 if cubic else 2) / sharp)
    d = sharp * apart
    weight = (1 - d).clamp(min=0)
    if cubic:
        near = d * d * (1.5 * d - 2.5) + 1
        wide = d * (d * (-0.5 * d + 2.5) - 4) + 2
        weight = torch.where(d <= 1, near, torch.where(d < 2, wide, 0))
    weight = torch.where(far <= reach, weight, 0)
    total = weight.sum(1, keepdim=True)
    return torch.where(total == 0, 0, weight / total)
