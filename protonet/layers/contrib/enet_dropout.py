"""spatial_dropout.SpatialDropoutLayer: ENet's dropout of channels, without its Python."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, register
from protonet.layers.param_str import options
from protonet.program import Builder, Expr, nn
from protonet.schema.param_str import SCALAR


@register("spatial_dropout.SpatialDropoutLayer")
class EnetDropout(Layer):
    """Zero a share p of the channels and scale the rest by 1 / (1 - p).

    The phase is param_str's own, {'phase': 'TRAIN', 'p': '0.1'}; in its phase TEST nothing is
    zeroed, and all is scaled, which the fork's nets are trained for. (n, c, h, w), kept.
    Source: TimoSaemann's ENet, spatial_dropout.py.
    """

    param = "python_param"
    may_run_in_place = True
    examples = (
        Example(
            'layer { name: "drop1" type: "Python" bottom: "x" top: "y" python_param { '
            'module: "spatial_dropout" layer: "SpatialDropoutLayer" '
            "param_str: \"{'phase': 'TRAIN', 'p': '0.1'}\" } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "self.drop1 = nn.Dropout2d(0.1)",
        ),
        Example(
            'layer { name: "drop1" type: "Python" bottom: "x" top: "y" python_param { '
            'module: "spatial_dropout" layer: "SpatialDropoutLayer" '
            "param_str: \"{'phase': 'TEST', 'p': '0.5'}\" } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x * 2.0",
        ),
    )

    def options(self) -> dict[str, str | float]:
        """The values of param_str."""
        return options(self.p, phase=SCALAR, p=SCALAR)

    def share(self) -> float:
        """The share that is zeroed, p."""
        given = self.options().get("p")
        try:
            share = float(str(given))
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise LayerError(f"p must be between 0 and 1, not {given}", "param_str")
        return share

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.share()
        if len(bottoms[0]) != 4:
            what = f"it takes 4 axes (n, c, h, w), not {len(bottoms[0])}"
            raise LayerError(what, "bottom", 0)
        return bottoms

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        share = self.share()
        if self.options().get("phase") == "TRAIN":
            return b.module(nn.Dropout2d, share)(x)
        return x * (1 / (1 - share))
