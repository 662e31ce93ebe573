"""ArgMax: where the largest elements are, and what they are."""

from __future__ import annotations

from protonet.lifting.formulas.scalars import affine
from protonet.lifting.framing import seen
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import Called, LiftExample, lifts
from protonet.lifting.values import Held
from protonet.shape import count


@lifts("argmax")
def argmax(operator: Operator, x: Held, axis: int | None = None, keeps: bool = False) -> Held:
    """The place along an axis, or among all. Of equal elements Caffe takes the last."""
    if axis is None:
        whole = operator.reshape(x, (1, count(x.shape)), "flat")
        return seen(operator, operator.layer("ArgMax", whole, axis=1), operator.shape)
    found = operator.layer("ArgMax", x, axis=axis % len(x.shape))
    return found if keeps else seen(operator, found, operator.shape)


@lifts("argmin")
def argmin(operator: Operator, x: Held, axis: int | None = None, keeps: bool = False) -> Held:
    """The place of the smallest."""
    return argmax(operator, affine(operator, x, -1, part="negative"), axis, keeps)


@lifts("topk")
def topk(
    operator: Operator,
    x: Held,
    k: int,
    axis: int = -1,
    largest: bool = True,
    ordered: bool = True,  # noqa: ARG001
) -> tuple[Held, Held]:
    """The largest elements along an axis, the first before the others, and their places."""
    axis %= len(x.shape)
    given = x if largest else affine(operator, x, -1, part="negative")
    places = operator.layer("ArgMax", given, part="places", axis=axis, top_k=k)
    values = operator.layer("ArgMax", given, axis=axis, top_k=k, out_max_val=True)
    return (values if largest else affine(operator, values, -1)), places


@lifts("sort")
def sort(
    operator: Operator, x: Held, axis: int = -1, descending: bool = False, stable: bool = False
) -> tuple[Held, Held]:
    """All of them in their order."""
    if stable:
        operator.refuse("of equal elements Caffe has the last first", "sort with stable=False")
    return topk(operator, x, x.shape[axis], axis, descending)


_IMAGE = ((2, 3, 4, 5),)
examples = (
    LiftExample(lambda: Called(lambda x: x.argmax(1)), _IMAGE, ("ArgMax", "Reshape")),
    LiftExample(lambda: Called(lambda x: x.argmax(2, keepdim=True)), _IMAGE, ("ArgMax",)),
    LiftExample(lambda: Called(lambda x: x.argmax()), _IMAGE, ("Reshape", "ArgMax", "Reshape")),
    LiftExample(lambda: Called(lambda x: x.argmin(3, True)), _IMAGE, ("Power", "ArgMax")),
    LiftExample(lambda: Called(lambda x: x.topk(2, 1)[0]), _IMAGE, ("ArgMax",)),
    LiftExample(lambda: Called(lambda x: x.topk(2)[1]), _IMAGE, ("ArgMax",)),
    LiftExample(
        lambda: Called(lambda x: x.topk(2, largest=False)[0]), _IMAGE, ("Power", "ArgMax", "Power")
    ),
    LiftExample(lambda: Called(lambda x: x.sort(1)[0]), _IMAGE, ("Power", "ArgMax", "Power")),
)
