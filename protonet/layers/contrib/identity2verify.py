"""Identity2Verify: pairs of items and whether they are of one class, of yuqj1991's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr


@register("Identity2Verify")
class Identity2Verify(Layer):
    """Part a batch into its items at even places and at odd ones, and say which pairs are alike.

    Items (n, ...) and labels (n,), n even, to twice (n / 2, ...) and (n / 2,): 1 where two labels
    are less than 1 apart, else 0. Source: Identity2VerifyLayer of yuqj1991's caffe_train.
    """

    bottoms = (2, 2)
    tops = (3, 3)
    constants = (1,)
    examples = (
        Example(
            'layer { name: "l" type: "Identity2Verify" bottom: "x" bottom: "label" '
            'top: "a" top: "b" top: "alike" }',
            {"x": (4, 5), "label": (4,)},
            {"a": (2, 5), "b": (2, 5), "alike": (2,)},
            "b = x[1::2]",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        x, labels = bottoms
        if not x or x[0] % 2:
            raise LayerError(f"it takes pairs, an even number of items, not {show(x)}", "bottom", 0)
        if not labels or labels[0] != x[0] or count(labels) != x[0]:
            what = f"{x[0]} items take as many labels, the shape {show(labels)} has more or less"
            raise LayerError(what, "bottom", 1)
        half = (x[0] // 2, *x[1:])
        return half, half, (x[0] // 2, *labels[1:])

    def lower(self, b: Builder, *bottoms: Expr) -> tuple[Expr, ...]:
        x, labels = bottoms
        even, odd = slice(None, None, 2), slice(1, None, 2)
        alike = (labels[even] - labels[odd]).abs() < 1
        return x[even], x[odd], alike.to(labels.dtype)
