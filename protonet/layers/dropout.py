"""Dropout: in training, zero a random share and scale the rest."""

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register
from protonet.program import Builder, Expr, nn, single


@register("Dropout")
class Dropout(Layer):
    """In training, zero a random share and scale the rest.

    Any shape, kept. Source: Caffe's DropoutLayer.
    """

    param = "dropout_param"
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "l" type: "Dropout" bottom: "x" top: "y" }',
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = self.l(x)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        ratio = self.p.dropout_ratio
        if not 0 <= ratio < 1:
            what = f"dropout_ratio must be at least 0 and below 1, not {single(ratio)}"
            raise LayerError(what, "dropout_ratio")
        return bottoms

    @property
    def keeps(self) -> tuple[str, ...]:  # type: ignore[override]
        """Nothing of its own; the mask is counted apart."""
        return ()

    @property
    def is_view(self) -> bool:  # type: ignore[override]
        """Outside of training the top is the bottom."""
        return self.phase == "TEST"

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 0 if self.phase == "TEST" else 4 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        return b.module(nn.Dropout, single(self.p.dropout_ratio))(x)
