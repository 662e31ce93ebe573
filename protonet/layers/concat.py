"""Concat: several blobs, one after the other along an axis."""

from __future__ import annotations

from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    canonical_axis,
    count,
    register,
    show,
)
from protonet.program import Builder, Expr, torch


@register("Concat")
class Concat(Layer):
    """Join the bottoms along ``axis``.

    Blobs that are alike on every other axis. Intel's per_fla_fuse joins (n, c, h, w) as if each
    were brought into the order (n, h, w, c) and flattened before, to (n, all, 1, 1).
    Source: Caffe's ConcatLayer, and MKLDNNConcatLayer of Intel's.
    """

    param = "concat_param"
    keeps = ()
    bottoms = (1, None)
    kind = "join"
    examples = (
        Example(
            'layer { name: "join" type: "Concat" bottom: "a" bottom: "b" top: "y" }',
            {"a": (2, 3, 4, 4), "b": (2, 5, 4, 4)},
            {"y": (2, 8, 4, 4)},
            "y = torch.cat([a, b], dim=1)",
        ),
        Example(
            'layer { name: "join" type: "Concat" bottom: "a" bottom: "b" top: "y" '
            "concat_param { per_fla_fuse: true } }",
            {"a": (2, 3, 4, 4), "b": (2, 3, 2, 2)},
            {"y": (2, 60, 1, 1)},
            "y = torch.cat([join_1, join_2], dim=1)[:, :, None, None]",
        ),
    )

    def is_shared(self) -> bool:
        """With one bottom there is nothing to copy."""
        return len(self.message.bottom) == 1

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        first, axis = bottoms[0], self.axis(bottoms[0])
        if self.flattens(bottoms):
            return ((first[0], sum(count(s, 1) for s in bottoms), 1, 1),)
        for index, shape in enumerate(bottoms):
            kept = (*shape[:axis], *shape[axis + 1 :])
            if len(shape) != len(first) or kept != (*first[:axis], *first[axis + 1 :]):
                what = f"the shape {show(shape)} differs from the first bottom's, {show(first)}"
                raise LayerError(f"{what}, on another axis than {axis}", "bottom", index)
        return ((*first[:axis], sum(s[axis] for s in bottoms), *first[axis + 1 :]),)

    def runs_in_place(self) -> bool:
        """One bottom is the top; of several the first would grow with every pass in Caffe."""
        return len(self.message.bottom) == 1

    def axis(self, x: Shape) -> int:
        """The axis to join along, from axis or the older concat_dim."""
        if not self.has("concat_dim"):
            return canonical_axis(self.p.axis, x)
        if self.has("axis"):
            raise LayerError("it takes axis or concat_dim, not both", "concat_dim")
        return canonical_axis(self.p.concat_dim, x, "concat_dim")

    def flattens(self, bottoms: tuple[Shape, ...]) -> bool:
        """Whether the bottoms are flattened first. LayerError where they can't be."""
        if not self.p.per_fla_fuse or self.axis(bottoms[0]) != 1:
            return False
        for index, shape in enumerate(bottoms):
            if len(shape) != 4 or shape[0] != bottoms[0][0]:
                what = f"per_fla_fuse joins (n, c, h, w) of one batch, not {show(shape)}"
                raise LayerError(what, "bottom", index)
        return True

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        if self.flattens(b.bottoms):
            flat = [
                b.let(str(number), x.permute(0, 2, 3, 1).flatten(1))
                for number, x in enumerate(bottoms, 1)
            ]
            return b.call(torch.cat, flat, dim=1)[:, :, None, None]
        if len(bottoms) == 1:
            return bottoms[0]
        return b.call(torch.cat, list(bottoms), dim=self.axis(b.bottoms[0]))
