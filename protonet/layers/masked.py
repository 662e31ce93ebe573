"""Layers with a weight, a bias and a mask for each, of the fork that makes nets smaller."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from protonet.layers.base import (
    ALL,
    Layer,
    LayerError,
    Reach,
    Shape,
    canonical_axis,
    count,
    show,
)
from protonet.layers.blob import Blob, weight_and_bias
from protonet.layers.extent import Filters, convolved
from protonet.layers.forks import INNER_PRODUCT
from protonet.program import Builder, Expr, single
from protonet.schema.pool import Message


def masked(p: Message, masks: Message, weight: Shape, moves: bool) -> tuple[Blob, ...]:
    """Weight, bias, and their masks; with ``moves`` a solver asks the masks what it moves."""
    numbers = weight_and_bias(p, weight, (p.num_output,))
    fillers = (masks.weight_mask_filler, masks.bias_mask_filler)
    beside = (
        Blob(f"{blob.name}_mask", blob.shape, filler, is_statistic=True, may_lack=True)
        for blob, filler in zip(numbers, fillers, strict=True)
    )
    named = (replace(b, moves=f"{b.name}_mask") if moves else b for b in numbers)
    return (*named, *beside)


def refuse_unbiased(p: Message) -> None:
    """LayerError without a bias: the fork's layers take the third blob, which they lack then."""
    if not p.bias_term:
        what = "without a bias the fork reads a third blob that the layer has not"
        raise LayerError(f"bias_term must be true: {what}", "bias_term")


def portions_of(p: Message) -> tuple[float, float]:
    """The parts of the numbers that are powers of two before and after, where they can be."""
    stated = [single(portion) for portion in p.portion]
    if len(stated) < 2:
        what = f"portion is given {len(stated)} times; it takes two, before and after"
        raise LayerError(what, *(["portion"] if stated else []))
    before, after = stated[:2]
    if not (0 <= before <= after <= 1 and before < 1):
        what = f"portion goes up from 0 to 1 and starts below 1, not {before} to {after}"
        raise LayerError(what, "portion")
    if p.num_quantum_values < 1:
        what = f"num_quantum_values must be positive, not {p.num_quantum_values}"
        raise LayerError(what, "num_quantum_values")
    return before, after


def surgery_options(p: Message) -> dict[str, object]:
    """What a module that is pruned takes: its schedule and, unless they are the usual, limits."""
    numbers = {n: single(getattr(p, n)) for n in ("gamma", "power", "c_rate", "iter_stop")}
    alphas = (single(p.alpha_low), single(p.alpha_high))
    return {**numbers, **({} if alphas == (0.95, 1.05) else {"alphas": alphas})}


class MaskedFilters(Filters):
    """A convolution of images whose filters have masks; ``masks`` is the field that fills them."""

    masks: ClassVar[str] = ""
    moves: ClassVar[bool] = False

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        self.check(bottoms)
        x = bottoms[0]
        if len(x) != 4 or self.axis(x) != 1:
            raise LayerError(f"it takes images (n, c, h, w), not {show(x)}", "bottom", 0)
        refuse_unbiased(self.p)
        self.options()
        top = (x[0], self.p.num_output, *convolved(x[2:], self.extent(x)))
        return (top,) * len(bottoms)

    def options(self) -> dict[str, object]:
        """What its module takes besides the window."""
        raise AssertionError(f"{self.type} has no options")

    def filters(self, x: Shape) -> Shape:
        return (self.p.num_output, x[1] // self.group(x), *self.extent(x).kernel)

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        masks = getattr(self.message, self.masks)
        return masked(self.p, masks, self.filters(bottoms[0]), self.moves)

    def lowered(self, b: Builder, cls: type, bottoms: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """The module on each bottom."""
        extent = self.extent(b.bottoms[0])
        module = b.module(
            cls,
            b.bottoms[0][1],
            self.p.num_output,
            extent.kernel,
            stride=extent.stride,
            padding=extent.pad,
            dilation=extent.dilation,
            groups=self.group(b.bottoms[0]),
            **self.options(),
        )
        return tuple(module(x) for x in bottoms)

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return sum(count(top) * count(self.filters(bottoms[0]), 1) for top in tops)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return self.extent(bottoms[0]).reach()


class MaskedRows(Layer):
    """An inner product whose rows have masks; ``masks`` is the field that fills them."""

    param = "inner_product_param"
    backward_reads = ("bottoms",)
    kind = "dense"
    refuses = INNER_PRODUCT
    masks: ClassVar[str] = ""
    moves: ClassVar[bool] = False

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        (x,) = bottoms
        self.check_positive("num_output")
        for field in ("transpose", "normalize"):
            if getattr(self.p, field):
                raise LayerError(f"{field} is not done by this type", field)
        refuse_unbiased(self.p)
        self.options()
        return ((*x[: canonical_axis(self.p.axis, x)], self.p.num_output),)

    def options(self) -> dict[str, object]:
        """What its module takes besides its sizes."""
        raise AssertionError(f"{self.type} has no options")

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        (x,) = bottoms
        weight = (self.p.num_output, count(x, canonical_axis(self.p.axis, x)))
        return masked(self.p, getattr(self.message, self.masks), weight, self.moves)

    def lowered(self, b: Builder, cls: type, x: Expr) -> Expr:
        """The module on the flattened bottom."""
        shape = b.bottoms[0]
        axis = canonical_axis(self.p.axis, shape)
        linear = b.module(cls, count(shape, axis), self.p.num_output, **self.options())
        return linear(x if axis == len(shape) - 1 else x.flatten(axis))

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        return count(bottoms[0]) * int(self.p.num_output)

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        return ALL
