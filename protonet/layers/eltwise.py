"""Eltwise: blobs of one shape, added, multiplied or compared element by element."""

from __future__ import annotations

from protonet.layers.base import Example, Layer, LayerError, Shape, count, register, show
from protonet.program import Builder, Expr, single, torch

_PROD, _SUM, _MAX = 0, 1, 2
_LONGEST = 50  # terms of one expression: Python reads no chain of any length


@register("Eltwise")
class Eltwise(Layer):
    """The product, the weighted sum or the maximum of the bottoms.

    Bottoms of one shape, kept. Where several are the largest, the gradient goes where Caffe's
    goes: to the second of the first two, else to the earliest. One bottom alone takes a coeff, as
    in FlowNet2's fork. Source: Caffe's EltwiseLayer.
    """

    param = "eltwise_param"
    bottoms = (1, None)
    in_place_harms = True
    kind = "join"
    examples = (
        Example(
            'layer { name: "l" type: "Eltwise" bottom: "a" bottom: "b" top: "y" }',
            {"a": (2, 3, 4, 4), "b": (2, 3, 4, 4)},
            {"y": (2, 3, 4, 4)},
            "y = a + b",
        ),
        Example(
            'layer { name: "l" type: "Eltwise" bottom: "a" bottom: "b" top: "y" '
            "eltwise_param { operation: SUM coeff: 1 coeff: -0.5 } }",
            {"a": (2, 3), "b": (2, 3)},
            {"y": (2, 3)},
            "y = torch.add(a, b, alpha=-0.5)",
        ),
        Example(
            'layer { name: "l" type: "Eltwise" bottom: "a" bottom: "b" top: "y" '
            "eltwise_param { operation: MAX } }",
            {"a": (2, 3), "b": (2, 3)},
            {"y": (2, 3)},
            "y = torch.where(a > b, a, b)",
        ),
    )

    def runs_in_place(self) -> bool:
        """A product may; before a sum and a maximum Caffe clears the top, its first bottom."""
        return bool(self.p.operation == _PROD)

    def reads_backward(self) -> tuple[str, ...]:
        """The other factors of a product."""
        return ("bottoms",) if self.p.operation == _PROD else ()

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        coefficients, given = len(self.p.coeff), len(bottoms)
        if given == 1 and (coefficients != 1 or self.p.operation != _SUM):
            hint = "a coeff makes a multiple of one, as in FlowNet2's Caffe"
            raise LayerError("it takes at least 2 bottoms, not 1", "bottom", 0, hint=hint)
        if coefficients not in (0, given):
            last = min(given, coefficients - 1)
            what = f"{given} bottoms take {given} coeff or none, not {coefficients}"
            raise LayerError(what, "coeff", last)
        if coefficients and self.p.operation == _PROD:
            raise LayerError("coeff goes with SUM, not with PROD", "coeff", 0)
        for index, shape in enumerate(bottoms):
            if shape != bottoms[0]:
                what = f"the shape {show(shape)} differs from the first bottom's"
                raise LayerError(f"{what}, {show(bottoms[0])}", "bottom", index)
        return bottoms[:1]

    def numbers(self) -> tuple[str, ...]:
        return (("product", "sum", "maximum")[self.p.operation],)

    def kept(self) -> tuple[str, ...]:
        """A sum needs nothing, a maximum the places, a product its factors."""
        return ("bottoms",) if self.p.operation == _PROD else ()

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return (len(bottoms) - 1) * count(tops[0]) if self.p.operation == _MAX else 0

    def lower(self, b: Builder, *bottoms: Expr) -> Expr:
        if self.p.operation == _SUM:
            return self.summed(b, bottoms)
        y, *rest = bottoms
        if self.p.operation == _PROD:
            for number, x in enumerate(rest, 1):
                y = (b.let("product", y) if number % _LONGEST == 0 else y) * x
            return y
        y = b.call(torch.where, y > rest[0], y, rest[0])
        for x in rest[1:]:
            y = b.let("max", y)
            y = b.call(torch.where, x > y, x, y)
        return y

    def summed(self, b: Builder, bottoms: tuple[Expr, ...]) -> Expr:
        """A - b + c, a coefficient as a sign or in the one step that adds its blob."""
        coefficients = [single(c) for c in self.p.coeff] or [1.0] * len(bottoms)
        total: Expr | None = None
        for number, (x, coefficient) in enumerate(zip(bottoms, coefficients, strict=True)):
            if total is not None and (number % _LONGEST == 0 or abs(coefficient) != 1 < number):
                total = b.let("sum", total)
            if total is None:
                total = -x if coefficient == -1 else (x if coefficient == 1 else coefficient * x)
            elif abs(coefficient) == 1:
                total = total - x if coefficient < 0 else total + x
            else:
                total = b.call(torch.add, total, x, alpha=coefficient)
        assert total is not None
        return total
