"""SpatialDropout: in training, zero whole channels."""

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.program import Builder, Expr, nn, single


@register("SpatialDropout")
class SpatialDropout(Layer):
    """In training, zero a random share of each image's channels and scale the rest.

    (n, c, h, w), kept. Source: ENet's Caffe fork and Intel's, SpatialDropoutLayer; Tompson et
    al., Efficient Object Localization Using Convolutional Networks (2015).
    """

    param = "spatial_dropout_param"
    may_run_in_place = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "SpatialDropout" bottom: "x" top: "y" '
            "spatial_dropout_param { dropout_ratio: 0.1 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.l = nn.Dropout2d(0.1)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        ratio = single(self.p.dropout_ratio)
        if not 0 <= ratio < 1:
            what = f"dropout_ratio must be at least 0 and below 1, not {ratio}"
            raise LayerError(what, "dropout_ratio")
        if len(bottoms[0]) != 4:
            what = f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}"
            raise LayerError(what, "bottom", 0)
        return bottoms

    def is_alias(self) -> bool:
        """Outside of training the top is the bottom."""
        return self.phase == "TEST"

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        return b.module(nn.Dropout2d, single(self.p.dropout_ratio))(*bottoms)
