"""FeatureExtrapolating: feature maps of the scales between those computed, of the SubCNN fork."""

from __future__ import annotations

import math

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, torch


@register("FeatureExtrapolating")
class FeatureExtrapolating(Layer):
    """Interpolate, between the maps of some scales of an image, those of the scales between.

    (n * num_scale_base, c, h, w) to (n * scales, c, h, w): num_per_octave scales from each that
    scale_string has to the next, and the last. What lies outside is 0. The gradient is the fork's,
    which looks two places to each side only. Source: FeatureExtrapolatingLayer of yuxng's
    caffe-fast-rcnn.
    """

    param = "feature_extrapolating_param"
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "FeatureExtrapolating" bottom: "x" top: "y" '
            'feature_extrapolating_param { scale_string: "1.0 2.0" num_scale_base: 2 '
            "num_per_octave: 2 } }",
            {"x": (2, 3, 6, 8)},
            {"y": (3, 3, 6, 8)},
            "y = extrapolated(x, [1.0, 2.0], 2)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        ((*rest,),) = bottoms
        if len(rest) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(rest)}", "bottom", 0)
        self.check_positive("num_per_octave", "num_scale_base")
        base, steps = len(self.scales()), self.p.num_per_octave
        return ((rest[0] // base * ((base - 1) * steps + 1), *rest[1:]),)

    def scales(self) -> list[float]:
        """The scales of the maps that are given."""
        words, number = self.p.scale_string.split(), self.p.num_scale_base
        try:
            found = [float(word) for word in words[:number]]
        except ValueError:
            found = []
        if len(found) != number or not all(0 < scale < math.inf for scale in found):
            what = f"scale_string {self.p.scale_string!r} has no {number} positive numbers"
            raise LayerError(what, *["scale_string"] * self.has("scale_string"))
        return found

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        b.helper(sampling)
        return b.call(extrapolated, *bottoms, self.scales(), self.p.num_per_octave)


def extrapolated(x: torch.Tensor, scales: list[float], steps: int) -> torch.Tensor:
    """The maps of the scales given and of those between, (n * scales, c, h, w)."""
    images = x.shape[0] // len(scales)
    maps = x[: images * len(scales)].reshape(images, len(scales), *x.shape[1:])
    found = []
    for index in range((len(scales) - 1) * steps + 1):
        first, part = divmod(index, steps)
        if part == 0:
            found.append(maps[:, first])
            continue
        scale = scales[first] + part * (scales[first + 1] - scales[first]) / steps
        base = int(index / steps + 0.5)
        factor = scale / scales[base]
        down, learned_down = sampling(x.shape[2], factor, x)
        across, learned_across = sampling(x.shape[3], factor, x)
        exact = down @ maps[:, base].detach() @ across.T
        learned = learned_down @ maps[:, base] @ learned_across.T
        found.append(exact + (learned - learned.detach()))
    return torch.stack(found, 1).flatten(0, 1)


def sampling(
    length: int,
    factor: float,
    like: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (length, length) of places in places of a map, and those that take a gradient."""
    at = torch.arange(length, device=like.device, dtype=torch.float64)
    place = at[:, None] / factor
    weights = (1 - (place - at).abs()).clamp(min=0)
    weights = torch.where(place < length, weights, 0)
    near = (at[:, None] - (at * factor).floor()).abs() <= 2
    return weights.to(like.dtype), torch.where(near, weights, 0).to(like.dtype)
