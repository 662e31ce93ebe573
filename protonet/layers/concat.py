"""Concat: several blobs, one after the other along an axis."""

from __future__ import annotations

from typing import ClassVar

from protonet.layers.base import Example, Layer, LayerError, Shape, canonical_axis, register, show
from protonet.layers.forks import FUSED
from protonet.program import Builder, Expr, torch


@register("Concat")
class Concat(Layer):
    """Join the bottoms along ``axis``.

    Blobs that are alike on every other axis. Source: Caffe's ConcatLayer.
    """

    param = "concat_param"
    keeps = ()
    bottoms = (1, None)
    kind = "join"
    refuses: ClassVar[dict[str, str]] = {"per_fla_fuse": FUSED}
    examples = (
        Example(
            'layer { name: "join" type: "Concat" bottom: "a" bottom: "b" top: "y" }',
            {"a": (2, 3, 4, 4), "b": (2, 5, 4, 4)},
            {"y": (2, 8, 4, 4)},
            "y = torch.cat([a, b], dim=1)",
        ),
    )

    def is_shared(self) -> bool:
        """With one bottom there is nothing to copy."""
        return len(self.message.bottom) == 1

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        first, axis = bottoms[0], self.axis(bottoms[0])
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

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        if len(bottoms) == 1:
            return bottoms[0]
        return b.call(torch.cat, list(bottoms), dim=self.axis(b.bottoms[0]))
