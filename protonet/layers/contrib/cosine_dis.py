"""CosineDis: what features have in common with their partners and a dictionary, of MAF's fork."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, torch


@register("CosineDis")
class CosineDis(Layer):
    """Dot products of each feature with its partner and every row of a dictionary, and class 0.

    Features (n, c), their partners (n, c) and a dictionary (d, c), all further axes 1, to
    (2 n, 1 + d), the partners' products in the second half, and (2 n,) zeros, the place of the
    partner in each row. Features and partners take the gradient of their own rows alone, where
    all else stands still; the dictionary takes none. They are cosines where the features have unit
    length. Source: CosineDisLayer of He-Zhenwei's MAF, which has it for GPUs only.
    """

    bottoms = (3, 3)
    tops = (2, 2)
    constants = (2,)
    examples = (
        Example(
            'layer { name: "l" type: "CosineDis" bottom: "a" bottom: "b" bottom: "d" '
            'top: "y" top: "label" }',
            {"a": (2, 5), "b": (2, 5), "d": (3, 5)},
            {"y": (4, 4), "label": (4,)},
            "y, label = pair_products(a, b, d)",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        for index, shape in enumerate(bottoms):
            if len(shape) < 2 or count(shape, 2) != 1:
                what = f"it takes one vector an item, (n, c), not {show(shape)}"
                raise LayerError(what, "bottom", index)
        (n, channels), partners, others = (shape[:2] for shape in bottoms)
        if partners != (n, channels):
            what = f"the partners {show(partners)} are not as the features, {show((n, channels))}"
            raise LayerError(what, "bottom", 1)
        if others[1] != channels:
            what = f"the dictionary has {others[1]} channels, the features {channels}"
            raise LayerError(what, "bottom", 2)
        return (2 * n, 1 + others[0]), (2 * n,)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        pairs = zip(bottoms, b.bottoms, strict=True)
        rows = [x if len(shape) == 2 else x.flatten(1) for x, shape in pairs]
        return b.call(pair_products, *rows)


def pair_products(
    features: torch.Tensor,
    partners: torch.Tensor,
    dictionary: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Products with the partner and the dictionary, both ways round, and the partner's class."""
    halves = []
    for own, other in ((features, partners), (partners, features)):
        with_other = (own * other.detach()).sum(1, keepdim=True)
        halves.append(torch.cat([with_other, own @ dictionary.detach().T], 1))
    return torch.cat(halves), features.new_zeros(2 * len(features))
