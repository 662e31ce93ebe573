"""What is written into a part of a value: the parts around it and itself, joined."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from protonet.lifting.movement.moved import computed
from protonet.lifting.operator import Operator
from protonet.lifting.patterns import LiftExample, lifts
from protonet.lifting.values import Constant, Held, NewBlob, View
from protonet.shape import count


@lifts("slice_scatter")
def slice_scatter(
    operator: Operator,
    x: Held,
    part: Held,
    axis: int = 0,
    start: int | None = None,
    stop: int | None = None,
    step: int = 1,
) -> Held:
    """Concat of what stands before the part, the part, and what stands behind it."""
    axis %= len(x.shape)
    size = x.shape[axis]
    if step != 1:
        return _scattered(operator, [x, part])
    first, last, _ = slice(start, stop).indices(size)
    return _joined(operator, x, part, axis, (first, max(first, last)))


@lifts("select_scatter")
def select_scatter(operator: Operator, x: Held, part: Held, axis: int, place: int) -> Held:
    """The same, the part being one place."""
    axis %= len(x.shape)
    place %= x.shape[axis]
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return _joined(operator, x, operator.reshape(part, shape, "part"), axis, (place, place + 1))


@lifts("copy")
def copy(operator: Operator, x: Held, part: Held, *_: object) -> Held:  # noqa: ARG001
    """A constant as it is, as large as what it is written over."""
    if not isinstance(part, Constant):
        operator.refuse("it changes numbers to another type", "keep all of them float32")
    return Constant(part.tensor.expand(operator.shape))


@lifts("index_put", "index_copy", "diagonal_scatter")
def put(operator: Operator, x: Held, *given: object) -> Held:
    """Rows of both, looked up."""
    where = [each for each in given[:-1] if isinstance(each, list | tuple)] or [given[1:-1]]
    if any(isinstance(each, NewBlob | View) for each in where[0]):
        operator.refuse("the net computes where to", "write to places that are known")
    if given[-1] is True:
        operator.refuse("it adds to what is there", "add with +, then write")
    source = next(each for each in reversed(given) if isinstance(each, Held))
    return _scattered(operator, [x, source])


def _joined(operator: Operator, x: Held, part: Held, axis: int, place: tuple[int, int]) -> Held:
    start, stop = place
    edges = [(0, start), None, (stop, x.shape[axis])]
    parts = [part if edge is None else _range(operator, x, axis, edge) for edge in edges]
    bottoms = [each for each in parts if count(each.shape)]
    return operator.layer("Concat", *bottoms, axis=axis) if len(bottoms) > 1 else bottoms[0]


def _range(operator: Operator, x: Held, axis: int, edge: tuple[int, int]) -> Held:
    start, stop = edge
    if isinstance(x, Constant):
        return Constant(x.tensor.narrow(axis, start, stop - start))
    view = x if isinstance(x, View) else View(x, _places(x), operator.node)
    return View(view.base, view.index.narrow(axis, start, stop - start), operator.node)


def _places(x: Held) -> torch.Tensor:
    return torch.arange(count(x.shape)).view(x.shape)


def _scattered(operator: Operator, sources: list[Held]) -> Held:
    """All sources in one blob, and the operator done on its places."""
    rows = [operator.reshape(each, (1, count(each.shape)), "row") for each in sources]
    base = operator.layer("Concat", *rows, part="rows", axis=1)
    starts = [0, count(sources[0].shape)]
    views = {
        id(each): View(base, _places(each) + start, operator.node)
        for each, start in zip(sources, starts, strict=True)
    }

    def of_base(node: torch.fx.Node) -> Any:
        held = operator.held[node]
        return views.get(id(held), held)

    args = torch.fx.node.map_arg(operator.node.args, of_base)
    kwargs = torch.fx.node.map_arg(operator.node.kwargs, of_base)
    (index,) = computed(operator.node, args, kwargs, tuple(views.values()), 0)
    return View(base, index, operator.node)


class _Writes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[:, 1:2] = x[:, :1].sigmoid()
        return y


class _WritesApart(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[:, ::2] = x[:, ::2].sigmoid()
        return y


examples = (
    LiftExample(_Writes, ((2, 4, 3, 3),), ("Slice", "Sigmoid", "Concat", "Silence")),
    LiftExample(
        _WritesApart,
        ((1, 4, 3, 3),),
        (
            *("Convolution", "Sigmoid", "Reshape", "Reshape", "Concat"),
            *("Slice", "Concat", "Reshape", "Silence"),
        ),
    ),
)
