"""DummyData: blobs from fillers, to try a net without data."""

from __future__ import annotations

from typing import TypeVar

from protonet.layers.base import Example, Layer, LayerError, Shape, register

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
        if len(self.p.data_filler):
            self.one_a_top("data_filler", tuple(self.p.data_filler))
        if len(self.p.shape):
            return self.one_a_top("shape", tuple(tuple(shape.dim) for shape in self.p.shape))
        fields = ("num", "channels", "height", "width")
        sizes = (self.one_a_top(field, tuple(getattr(self.p, field))) for field in fields)
        return tuple(zip(*sizes, strict=True))

    def one_a_top(self, field: str, given: tuple[T, ...]) -> tuple[T, ...]:
        """What is given for each top; one stands for all."""
        tops = len(self.message.top)
        if len(given) not in (1, tops):
            what = f"{field} is given {len(given)} times for {tops} tops"
            raise LayerError(what, *((field,) if given else ()), hint="give it once, or once a top")
        return given if len(given) == tops else given * tops
