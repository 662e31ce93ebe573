"""Power: (shift + scale times x) to a power."""

from protonet.layers.base import Example, Layer, Shape, register
from protonet.program import Builder, Expr, single, torch


@register("Power")
class Power(Layer):
    """(shift + scale times x) to a power.

    Any shape, kept. Source: Caffe's PowerLayer.
    """

    param = "power_param"
    may_run_in_place = True
    kind = "activation"
    follows = True
    examples = (
        Example(
            'layer { name: "l" type: "Power" bottom: "x" top: "y" '
            "power_param { scale: 2 shift: 1 } }",
            {"x": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = x * 2.0 + 1.0",
        ),
    )

    def reads_backward(self) -> tuple[str, ...]:
        """A square needs the bottom, another power both."""
        if self.p.power == 1 or not self.p.power * self.p.scale:
            return ()
        return ("bottoms",) if self.p.power == 2 else ("bottoms", "tops")

    def is_harmed_in_place(self) -> bool:
        """Any power does: the factor is written where the gradient of the top still is."""
        return bool(self.p.power * self.p.scale)

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        return bottoms

    def kept(self) -> tuple[str, ...]:
        """The bottom, where its derivative depends on it."""
        return () if self.p.power in (0, 1) else ("bottoms",)

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        (x,) = bottoms
        power, scale, shift = (single(v) for v in (self.p.power, self.p.scale, self.p.shift))
        if scale * power == 0:
            return b.call(torch.full_like, x, constant(shift, power))
        scaled = x if scale == 1 else x * scale
        shifted = scaled if shift == 0 else scaled + shift
        return shifted if power == 1 else shifted**power


def constant(shift: float, power: float) -> float:
    """A number to a power in single precision, as C has it: what is too large is infinite."""
    if power == 0:
        return 1.0
    import numpy as np

    with np.errstate(all="ignore"):
        return single(float(np.power(np.float32(shift), np.float32(power))))
