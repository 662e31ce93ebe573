"""DenseCRF: scores of pixels made to agree with pixels that are near and alike."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.layers.lattice import HELPERS, permutohedral, pixel_places, smoothed
from protonet.program import Builder, Expr, single, torch
from protonet.schema.pool import Message


@register("DenseCRF")
class DenseCRF(Layer):
    """Mean-field inference of a fully connected conditional random field, without a gradient.

    Scores (n, c, h, w), sizes (n, 1, 1, 2) of what of each image is no padding and, with bilateral
    terms, images (n, 3, h, w) to probabilities (n, c, h, w), or their logarithms without
    output_probability. Each pos_w weighs a filter over places, each bi_w one over places and
    colours. With densecrf_param it is ccnn's, DenseCRFLabels. Source: DenseCRFLayer of
    DeepLab's Caffe fork.
    """

    param = "dense_crf_param"
    bottoms = (2, 3)
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "DenseCRF" bottom: "x" bottom: "size" bottom: "image" '
            'top: "y" dense_crf_param { max_iter: 5 pos_w: 3 pos_xy_std: 3 bi_w: 5 bi_xy_std: 50 '
            "bi_rgb_std: 10 } }",
            {"x": (2, 4, 6, 7), "size": (2, 1, 1, 2), "image": (2, 3, 6, 7)},
            {"y": (2, 4, 6, 7)},
            "y = dense_crf(x, size, [(3.0, 3.0, 0.0), (5.0, 50.0, 10.0)], 5, image)",
        ),
    )

    @classmethod
    def form(cls, message: Message) -> str:
        return "DenseCRFLabels" if message.HasField("densecrf_param") else ""

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scores = bottoms[0]
        if len(scores) != 4:
            raise LayerError(f"it takes 4 axes (n, c, h, w), not {len(scores)}", "bottom", 0)
        wanted = ((scores[0], 1, 1, 2), (scores[0], 3, *scores[2:]))
        for at, (given, shape) in enumerate(zip(bottoms[1:], wanted, strict=False), 1):
            if given != shape:
                raise LayerError(f"it takes {show(shape)} here, not {show(given)}", "bottom", at)
        for one, other in (("pos_w", "pos_xy_std"), ("bi_w", "bi_xy_std"), ("bi_w", "bi_rgb_std")):
            counts = len(getattr(self.p, one)), len(getattr(self.p, other))
            if counts[0] != counts[1]:
                what = f"{one} is given {counts[0]} times and {other} {counts[1]} times"
                raise LayerError(what, one if counts[0] else other)
        if len(self.p.bi_w) and len(bottoms) < 3:
            raise LayerError("bi_w takes the images as a third bottom", "bi_w")
        if len(bottoms) == 3 and not len(self.p.bi_w):
            raise LayerError("a third bottom takes bi_w, bi_xy_std and bi_rgb_std", "bottom", 2)
        return (scores,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        p = self.p
        near = [(single(w), single(std), 0.0) for w, std in zip(p.pos_w, p.pos_xy_std, strict=True)]
        rows = zip(p.bi_w, p.bi_xy_std, p.bi_rgb_std, strict=True)
        alike = [(single(w), single(xy), single(rgb)) for w, xy, rgb in rows]
        scores, sizes, *images = bottoms
        logarithm = {} if p.output_probability else {"logarithm": True}
        terms = [*near, *alike]
        for helper in HELPERS:
            b.helper(helper)
        return b.call(dense_crf, scores, sizes, terms, int(p.max_iter), *images, **logarithm)


def dense_crf(
    scores: torch.Tensor,
    sizes: torch.Tensor,
    terms: list[tuple[float, float, float]],
    steps: int,
    images: torch.Tensor | None = None,
    logarithm: bool = False,
) -> torch.Tensor:
    """Probabilities of a conditional random field; zero where an image is padded.

    A term is a weight, how far it reaches, and over which colours; over all where that is 0.
    """
    scores = scores.detach()
    result = torch.zeros_like(scores)
    for n, (high, wide) in enumerate(sizes.flatten(1).long().tolist()):
        inner = (n, slice(None), slice(high), slice(wide))
        classes, height, width = scores[inner].shape
        unary = scores[inner].flatten(1).t()
        places, filters = pixel_places(height, width, scores), []
        for weight, reach, colour in terms:
            features = [places / reach]
            if colour and images is not None:
                features.append(images[inner].detach().flatten(1).t() / colour)
            filters.append((weight, permutohedral(torch.cat(features, 1))))
        found = unary.softmax(1)
        for _ in range(steps):
            agreement = [weight * smoothed(found, near) for weight, near in filters]
            found = (unary + sum(agreement)).softmax(1)
        if logarithm:
            found = found.clamp(min=1.17549435e-38).log()  # the smallest number of single precision
        result[inner] = found.t().reshape(classes, height, width)
    return result
