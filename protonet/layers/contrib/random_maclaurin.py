"""RandomMaclaurin: the product of two random projections, of MAF's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.layers.blob import Blob
from protonet.program import Builder, Expr, nn, single, torch

_KINDS = ("bernoulli", "gaussian", "uniform")


@register("RandomMaclaurin")
class RandomMaclaurinLayer(Layer):
    """(x W1) * (z W2) over a number, with matrices drawn anew after epoch_size passes.

    Features (n, c) and (n, d) to (n, num_output). The matrices' numbers are 0 or 1 (bernoulli, over
    num_output), normal (gaussian, of deviations std1 and std2, over num_output std1 std2), or
    uniform (from a1 to b1 and from a2 to b2, over num_output b1 b2 / 3). Those it starts with, or
    that weights bring, serve epoch_size passes, later ones one more, in both phases; epoch_size: 0
    draws for every pass. The first bottom takes the gradient 0, as in the fork, and the matrices
    do, too, which a solver's decay still shrinks. Source: RandomMaclaurinLayer of He-Zhenwei's MAF,
    which has it for GPUs only and does nothing with random_every_epoch and fixed_matrix.
    """

    param = "random_maclaurin_param"
    bottoms = (2, 2)
    ignores = ("random_every_epoch", "fixed_matrix")
    examples = (
        Example(
            'layer { name: "mix" type: "RandomMaclaurin" bottom: "x" bottom: "z" top: "y" '
            'random_maclaurin_param { num_output: 6 distribution_type: "gaussian" '
            "epoch_size: 1000 } }",
            {"x": (2, 3), "z": (2, 4)},
            {"y": (2, 6)},
            'self.mix = RandomMaclaurin(3, 4, 6, "gaussian", passes=1000)',
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check_positive("num_output")
        if self.p.distribution_type not in _KINDS:
            what = f'distribution_type "{self.p.distribution_type}" is none of {", ".join(_KINDS)}'
            raise LayerError(what, "distribution_type")
        for index, shape in enumerate(bottoms):
            if len(shape) < 2 or count(shape, 2) != 1:
                what = f"it takes one vector an item, (n, c), not {show(shape)}"
                raise LayerError(what, "bottom", index)
            if shape[0] != bottoms[0][0]:
                what = f"it has {shape[0]} items, the first bottom {bottoms[0][0]}"
                raise LayerError(what, "bottom", index)
        if not self.divisor():
            what = f"the numbers of {self.p.distribution_type} make the divisor 0"
            raise LayerError(what, "distribution_type")
        return ((bottoms[0][0], self.p.num_output),)

    def divisor(self) -> float:
        """What the products are divided by."""
        size = self.p.num_output
        if self.p.distribution_type == "gaussian":
            return float(size * single(self.p.std1) * single(self.p.std2))
        if self.p.distribution_type == "uniform":
            return float(size * single(self.p.b1) * single(self.p.b2) / 3)
        return float(size)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        size = self.p.num_output
        return tuple(
            Blob(name, (shape[1], size))
            for name, shape in zip(("first", "second"), bottoms, strict=True)
        )

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        pairs = zip(bottoms, b.bottoms, strict=True)
        rows = [x if len(shape) == 2 else x.flatten(1) for x, shape in pairs]
        kind, options = self.p.distribution_type, {}
        if kind == "gaussian" and (self.p.std1, self.p.std2) != (1, 1):
            options["scale"] = (single(self.p.std1), single(self.p.std2))
        if kind == "uniform":
            options["scale"] = (single(self.p.b1), single(self.p.b2))
            options["low"] = (single(self.p.a1), single(self.p.a2))
        sizes = (b.bottoms[0][1], b.bottoms[1][1], self.p.num_output)
        mix = b.module(RandomMaclaurin, *sizes, kind, passes=self.p.epoch_size, **options)
        return mix(*rows)


class RandomMaclaurin(nn.Module):
    """The product of two projections by matrices that are drawn anew now and then.

    ``scale`` are deviations, or the upper bounds of what is uniform.
    """

    def __init__(
        self,
        inputs: int,
        others: int,
        outputs: int,
        kind: str = "bernoulli",
        passes: int = 0,
        scale: tuple[float, float] = (1.0, 1.0),
        low: tuple[float, float] = (-1.0, -1.0),
    ) -> None:
        super().__init__()
        self.kind, self.passes, self.scale, self.low = kind, passes, scale, low
        self.first = nn.Parameter(torch.empty(inputs, outputs))
        self.second = nn.Parameter(torch.empty(others, outputs))
        self.divisor = float(outputs)
        if kind != "bernoulli":
            self.divisor *= scale[0] * scale[1]
        if kind == "uniform":
            self.divisor /= 3
        self.draw()
        self.served = 0

    @torch.no_grad()
    def draw(self) -> None:
        """New matrices."""
        for index, matrix in enumerate((self.first, self.second)):
            if self.kind == "bernoulli":
                matrix.bernoulli_(0.5)
            elif self.kind == "gaussian":
                matrix.normal_(0, self.scale[index])
            else:
                matrix.uniform_(self.low[index], self.scale[index])
        self.served = -1

    def forward(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        if self.served >= self.passes:
            self.draw()
        self.served += 1
        # A gradient of 0, not none: a solver's decay is for what has one.
        still = (self.first.sum() + self.second.sum() + x.sum()) * 0
        first, second = self.first.detach().clone(), self.second.detach().clone()
        return (x.detach() @ first) * (z @ second) / self.divisor + still
