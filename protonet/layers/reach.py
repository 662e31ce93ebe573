"""How far the elements of a layer's tops look into its bottom."""

from __future__ import annotations

from dataclasses import dataclass

from protonet.shape import Shape


@dataclass(frozen=True)
class Reach:
    """How far an element of a top looks along each spatial axis, the padding as in the bottom.

    ``upward`` turns the stride round: a deconvolution's step in the bottom is 1 / stride.
    ``window`` is the span as a person names it, without its holes, where that is another.
    """

    span: Shape
    stride: Shape
    pad: Shape
    upward: bool = False
    window: Shape | None = None


ALL = Reach((), (), ())  # an element of the top looks at all of the bottom
