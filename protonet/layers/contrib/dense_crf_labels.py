"""DenseCRFLabels: the class of each pixel, made to agree with pixels near and alike."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.lattice import HELPERS, permutohedral, pixel_places, smoothed
from protonet.program import Builder, Expr, single, torch

_REACHES = ("x_gauss", "y_gauss", "x_bilateral", "y_bilateral")
_COLOURS = ("r_bilateral", "g_bilateral", "b_bilateral")


@register("DenseCRFLabels")
class DenseCRFLabels(Layer):
    """The likeliest class after ten mean-field steps of a conditional random field.

    Scores (n, c, h, w) and images (n, 3, h, w), BGR, to classes (n, 1, h, w), without a gradient.
    A filter over places, weighed by wt_gauss, and one over places and colours, weighed by
    wt_bilateral; a colour counts as a byte, its fraction left out and what lies outside taken
    round, which is what a mean that was taken away leaves it. The type that a DenseCRF with
    densecrf_param is. Source: DenseCRFLayer of pathak22's caffe-ccnn.
    """

    param = "densecrf_param"
    bottoms = (2, 2)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "DenseCRF" bottom: "x" bottom: "image" top: "y" '
            "densecrf_param { x_gauss: 19 y_gauss: 19 wt_gauss: 15 } }",
            {"x": (2, 4, 6, 7), "image": (2, 3, 6, 7)},
            {"y": (2, 1, 6, 7)},
            "x, image, [19.0, 19.0], 15.0, [60.0, 60.0, 20.0, 20.0, 20.0], 10.0",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores, images = bottoms
        if len(scores) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(scores)}", "bottom", 0)
        wanted = (scores[0], 3, *scores[2:])
        if images != wanted:
            what = f"{show(scores)} scores take images of {show(wanted)}, not {show(images)}"
            raise LayerError(what, "bottom", 1)
        if scores[1] < 3:
            what = f"the scores have {scores[1]} channels, fewer than the images"
            raise LayerError(what, "bottom", 0, hint="the scores come first, then the images")
        for field in (*_REACHES, *_COLOURS):
            if not getattr(self.p, field) > 0:
                value = single(getattr(self.p, field))
                raise LayerError(f"{field} must be positive, it is {value}", field)
        return ((scores[0], 1, *scores[2:]),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        values = [single(getattr(self.p, field)) for field in (*_REACHES, *_COLOURS)]
        near, alike = values[:2], values[2:]
        weights = single(self.p.wt_gauss), single(self.p.wt_bilateral)
        for helper in HELPERS:
            b.helper(helper)
        scores, images = bottoms
        return b.call(dense_crf_labels, scores, images, near, weights[0], alike, weights[1])


def dense_crf_labels(
    scores: torch.Tensor,
    images: torch.Tensor,
    near: list[float],
    near_weight: float,
    alike: list[float],
    alike_weight: float,
    steps: int = 10,
) -> torch.Tensor:
    """The likeliest class of each pixel; the filters' reaches are over x and y, and RGB."""
    height, width = scores.shape[2:]
    places = pixel_places(height, width, scores)
    labels = []
    pairs = zip(scores.detach().flatten(2), images.detach().flatten(2), strict=True)
    for unary, image in pairs:
        colours = image.flip(0).long().remainder(256).to(scores.dtype)
        features = torch.cat([places, colours.t()], 1) / scores.new_tensor(alike)
        lattices = [
            (near_weight, permutohedral(places / scores.new_tensor(near))),
            (alike_weight, permutohedral(features)),
        ]
        own = unary.t()
        found = own.softmax(1)
        for _ in range(steps):
            agreement = [weight * smoothed(found, one) for weight, one in lattices]
            found = (own + sum(agreement)).softmax(1)
        labels.append(found.argmax(1).view(1, height, width))
    return torch.stack(labels).to(scores.dtype)
