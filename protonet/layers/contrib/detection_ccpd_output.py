"""DetectionCcpdOutput: the seven characters of a licence plate, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch

_COUNTS = ("num_chinese", "num_english", *("num_letter",) * 5)


@register("DetectionCcpdOutput")
class DetectionCcpdOutput(Layer):
    """The best class of each of seven characters, whose scores are positive.

    Seven bottoms of scores (n, num_chinese), (n, num_english) and five times (n, num_letter) to
    (1, 1, n, 7); where no score is above 0, it is class 0. No gradient.
    Source: DetectionCcpdOutputLayer of yuqj1991's caffe_train.
    """

    param = "lp_det_param"
    bottoms = (7, 7)
    constants = tuple(range(7))
    keeps = ()
    examples = (
        Example(
            'layer { name: "l" type: "DetectionCcpdOutput" bottom: "a" bottom: "b" bottom: "c" '
            'bottom: "d" bottom: "e" bottom: "f" bottom: "g" top: "y" '
            "lp_det_param { num_chinese: 4 num_english: 3 num_letter: 5 } }",
            {"a": (2, 4), "b": (2, 3), **dict.fromkeys("cdefg", (2, 5))},
            {"y": (1, 1, 2, 7)},
            "y = best_characters([a, b, c, d, e, f, g])",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, (field, x) in enumerate(zip(_COUNTS, bottoms, strict=True)):
            if not self.has(field):
                raise LayerError(f"it states no {field}", hint=f"add {field}")
            wanted, rows = getattr(self.p, field), bottoms[0][:1]
            if not x or x[:1] != rows or count(x, 1) != wanted:
                what = f"the scores {show(x)} are not those of {field}: {wanted} for each image"
                raise LayerError(what, "bottom", index)
        return ((1, 1, bottoms[0][0], 7),)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        flat = [
            x if len(shape) == 2 else x.flatten(1)
            for x, shape in zip(bottoms, b.bottoms, strict=True)
        ]
        return b.call(best_characters, flat)


def best_characters(scores: list[torch.Tensor]) -> torch.Tensor:
    """The best class of each character, (1, 1, n, characters)."""
    best = [(one.detach().clamp(min=0)).argmax(1) for one in scores]
    return torch.stack(best, 1).to(scores[0].dtype)[None, None]
