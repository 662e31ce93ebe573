"""Axpy: scale each channel of one blob and add another."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register, show
from protonet.program import Builder, Expr


@register("Axpy")
class Axpy(Layer):
    """The first bottom's number for each channel, times the second bottom, plus the third.

    (n, c) or (n, c, 1, 1), (n, c, h, w) and the same again, to (n, c, h, w).
    Source: SENet's Caffe fork, AxpyLayer.
    """

    bottoms = (3, 3)
    backward_reads = ("bottoms",)
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "Axpy" bottom: "scale" bottom: "x" bottom: "shortcut" '
            'top: "y" }',
            {"scale": (2, 3, 1, 1), "x": (2, 3, 4, 4), "shortcut": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = scale * x + shortcut",
        ),
        Example(
            'layer { name: "l" type: "Axpy" bottom: "scale" bottom: "x" bottom: "shortcut" '
            'top: "y" }',
            {"scale": (2, 3), "x": (2, 3, 4, 4), "shortcut": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = scale[..., None, None] * x + shortcut",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        scale, x, shortcut = bottoms
        if scale not in (x[:2], x[:2] + (1,) * (len(x) - 2)):
            what = f"the shape {show(scale)} is not one number for each channel of {show(x)}"
            raise LayerError(what, "bottom", 0)
        if shortcut != x:
            what = f"the shapes {show(x)} and {show(shortcut)} of what it adds differ"
            raise LayerError(what, "bottom", 2)
        return (x,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        scale, x, shortcut = bottoms
        missing = len(b.bottoms[1]) - len(b.bottoms[0])
        if missing:
            index = (Ellipsis, *(None,) * missing)
            scale = scale[index]
        return scale * x + shortcut
