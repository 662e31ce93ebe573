"""Dropout: in training, zero a random share and scale the rest."""

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register
from protonet.program import Builder, Expr, F, nn, single, torch


@register("Dropout")
class Dropout(Layer):
    """In training, zero a random share and scale the rest.

    With sample_weights_test (SegNet's fork) outside of training, too; with scale_train: false
    (Caffe's branch opencl) what is kept stays as it is, and all is scaled outside of training.
    Any shape, kept. Source: Caffe's DropoutLayer.
    """

    param = "dropout_param"
    may_run_in_place = True
    kind = "activation"
    follows = True
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
        # Outside of training Caffe does not look at it.
        untouched = ratio == 1 and self.is_alias()
        if not 0 <= ratio < 1 and not untouched:
            what = f"dropout_ratio must be at least 0 and below 1, not {single(ratio)}"
            raise LayerError(what, "dropout_ratio")
        return bottoms

    def numbers(self) -> tuple[str, ...]:
        return (f"{single(self.p.dropout_ratio):g}",)

    def kept(self) -> tuple[str, ...]:
        """Nothing of its own; the mask is counted apart."""
        return ()

    def is_alias(self) -> bool:
        """Outside of training the top is the bottom."""
        plain = self.p.scale_train and not self.p.sample_weights_test
        return bool(plain) and self.phase == "TEST"

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return 0 if self.phase == "TEST" else 4 * count(tops[0])

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        ratio = single(self.p.dropout_ratio)
        if self.p.sample_weights_test or not self.p.scale_train:
            always, scale = bool(self.p.sample_weights_test), bool(self.p.scale_train)
            return b.module(ForkedDropout, ratio, always=always, scale_train=scale)(x)
        return b.module(nn.Dropout, ratio)(x)


class ForkedDropout(nn.Module):
    """Dropout that may go on in evaluation, and may scale there instead of in training."""

    def __init__(
        self,
        ratio: float,
        always: bool = False,
        scale_train: bool = True,
    ) -> None:
        super().__init__()
        self.ratio, self.always, self.scale_train = ratio, always, scale_train

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training and not self.always:
            return x if self.scale_train else x * (1 - self.ratio)
        y = F.dropout(x, self.ratio)
        return y if self.scale_train else y * (1 - self.ratio)
