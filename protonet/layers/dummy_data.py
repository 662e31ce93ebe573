"""DummyData: blobs from fillers, to try a net without data."""

from __future__ import annotations

from typing import TypeVar

from protonet.layers import filler
from protonet.layers.base import (
    Example,
    Layer,
    LayerError,
    Shape,
    check_dims,
    count,
    register,
    show,
)

T = TypeVar("T")


@register("DummyData")
class DummyData(Layer):
    """Fill the tops, of the shapes stated, from data_filler.

    Source: Caffe's DummyDataLayer.
    """

    param = "dummy_data_param"
    bottoms = (0, 0)
    tops = (1, None)
    is_data = True
    examples = (
        Example(
            'layer { name: "data" type: "DummyData" top: "data" dummy_data_param '
            '{ shape { dim: 2 dim: 3 } data_filler { type: "constant" value: 1 } } }',
            {},
            {"data": (2, 3)},
            "def forward(self, data):",
        ),
    )

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        shapes = self.shapes()
        given = tuple(self.p.data_filler)
        fillers = self.one_a_top("data_filler", given) if given else ()
        for index, (one, shape) in enumerate(zip(fillers, shapes, strict=False)):
            filler.check(one, shape, "data_filler", index if len(given) > 1 else 0)
        for top, shape in zip(self.message.top, shapes, strict=True):
            if not count(shape):
                raise LayerError(f"the top {top!r} would be {show(shape)}, without elements")
        return shapes

    def shapes(self) -> tuple[Shape, ...]:
        """The shapes of the tops, as shape or the four older fields state them."""
        fields = ("num", "channels", "height", "width")
        if len(self.p.shape):
            for field in fields:
                if self.has(field):
                    raise LayerError(f"it takes shape or {field}, not both", field, 0)
            for index, shape in enumerate(self.p.shape):
                check_dims(tuple(shape.dim), "shape", index)
            return self.one_a_top("shape", tuple(tuple(shape.dim) for shape in self.p.shape))
        sizes = (self.one_a_top(field, tuple(getattr(self.p, field))) for field in fields)
        return tuple(zip(*sizes, strict=True))

    def one_a_top(self, field: str, given: tuple[T, ...]) -> tuple[T, ...]:
        """What is given for each top; one stands for all."""
        tops = len(self.message.top)
        if len(given) not in (1, tops):
            what = f"{field} is given {len(given)} times for {tops} tops"
            raise LayerError(what, *((field,) if given else ()), hint="give it once, or once a top")
        return given if len(given) == tops else given * tops
