"""einsum of one or two tensors: turned axes, and a product of matrices."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from protonet.lifting.framing import seen, turned
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.patterns.matmul import product
from protonet.lifting.values import Held
from protonet.shape import Shape, count

_SPARE = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # for the axes that an ellipsis stands for


@lifts("einsum")
def einsum(
    operator: Operator,
    equation: str,
    operands: Sequence[Held],
    path: object = None,  # noqa: ARG001  in which order, of which there is one
) -> Held:
    """A product over the letters that only the tensors have; its other axes turned."""
    terms, result = letters(equation, [each.shape for each in operands])
    if any(len(set(term)) < len(term) for term in terms):
        operator.refuse(f"{equation!r} has a diagonal")
    if len(operands) == 1 and sorted(terms[0]) == sorted(result):
        return turned(operator, operands[0], *map(terms[0].index, result))
    if len(operands) != 2:
        operator.refuse(f"{equation!r} is no product of two", "write it as products of two")
    (x, y), (first, second) = operands, terms
    alone = set(first + second) - set(result) - (set(first) & set(second))
    if alone:
        what = f"{equation!r} sums over {', '.join(sorted(alone))} of one tensor"
        operator.refuse(what, "sum over it before")
    batch = "".join(each for each in first if each in second and each in result)
    summed = "".join(each for each in first if each in second and each not in result)
    left = "".join(each for each in first if each not in second)
    right = "".join(each for each in second if each not in first)
    size = dict(zip(first + second, (*x.shape, *y.shape), strict=True))
    x = _matrices(operator, x, first, (batch, left, summed))
    y = _matrices(operator, y, second, (batch, summed, right))
    order = batch + left + right
    made = seen(operator, product(operator, x, y), tuple(size[each] for each in order))
    return turned(operator, made, *map(order.index, result))


def letters(equation: str, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """The letters of each tensor's axes and of the result's, none left out."""
    given, arrow, result = equation.replace(" ", "").partition("->")
    terms = given.split(",")
    spare = [each for each in _SPARE if each not in equation]
    rest = ""
    for number, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        if "..." in term:
            more = "".join(spare[: len(shape) - len(term) + 3])
            terms[number] = term.replace("...", more)
            rest = max(rest, more, key=len)
    if not arrow:
        named = "".join(terms)
        once = sorted(each for each in set(given) - set(".,") if named.count(each) == 1)
        result = "..." + "".join(once)
    return terms, result.replace("...", rest)


def _matrices(operator: Operator, x: Held, term: str, groups: tuple[str, str, str]) -> Held:
    """A tensor as (b, m, n), each of them the axes of some letters."""
    size = dict(zip(term, x.shape, strict=True))
    made = turned(operator, x, *(term.index(each) for group in groups for each in group))
    shape = tuple(count(tuple(size[each] for each in group)) for group in groups)
    return seen(operator, made, shape)


class _Scores(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bik,bjk->bij", x, y)


examples = (
    LiftExample(
        _Scores,
        ((2, 3, 4), (2, 5, 4)),
        ("Reshape", "Tile", "Reshape", "Tile", "Eltwise", "Reduction"),
    ),
)
