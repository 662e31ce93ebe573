"""Whether written files compute what the module does: compiled back, value by value."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.export.graph_signature import InputKind
from torch.fx import Interpreter, Node

from protonet.diagnostics import NetError
from protonet.lifting.captured import Captured
from protonet.lifting.draft import Draft
from protonet.lifting.trace import place_of
from protonet.plain import plain
from protonet.shape import show

TRIALS = 3
_MORE = 8  # how much further than the module's own rounding a difference of two may be
_FINER = 100  # how much closer they must be in double precision


@dataclass(frozen=True)
class Gap:
    """How far a blob is from its value in the module, as a part of its largest number.

    ``rounding`` is 0; or ``size`` was found in double precision, and this is how far the module's
    value in single precision is from that.
    """

    blob: str
    size: float
    node: Node
    rounding: float = 0.0


def proved(
    draft: Draft,
    captured: Captured,
    prototxt: str | os.PathLike[str],
    caffemodel: str | os.PathLike[str],
    tolerance: float,
    keep: bool,
) -> list[Gap]:
    """The gaps of every blob, the largest of the trials. NetError where one is beyond tolerance.

    One stands all the same where the module's own rounding explains it, and any with ``keep``.
    """
    from protonet.api import compile

    blobs = list(dict.fromkeys(blob.path for blob in draft.values.values()))
    net = compile(prototxt, weights=os.fspath(caffemodel), outputs=blobs, faithful=True)
    net.eval()
    largest: dict[str, Gap] = {}
    for given in _inputs(captured):
        found = _computed(net, given, blobs)

        def compare(
            node: Node, right: torch.Tensor, found: dict[str, torch.Tensor] = found
        ) -> None:
            blob = draft.values[node].path
            gap = Gap(blob, difference(found[blob], right, blob), node)
            if blob not in largest or not gap.size <= largest[blob].size:
                largest[blob] = gap

        run_watched(captured, given, set(draft.values), compare)
    gaps = list(largest.values())
    if any(not gap.size <= tolerance for gap in gaps):
        gaps = _excused(gaps, net, blobs, captured, tolerance)
    for gap in gaps:
        if not gap.size <= tolerance and not keep:
            raise _unequal(gap, tolerance)
    return gaps


def _computed(
    net: nn.Module, given: tuple[torch.Tensor, ...], blobs: list[str]
) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        found = net(*given)
    return found if isinstance(found, dict) else dict(zip(blobs, [found], strict=True))


def _excused(
    gaps: list[Gap], net: nn.Module, blobs: list[str], captured: Captured, tolerance: float
) -> list[Gap]:
    """The gaps, in double precision those beyond the tolerance that the module's rounding explains.

    It does where both, computing in double precision, are a hundred times closer than the
    tolerance, and in single precision the files are not much further from the module than that is
    from itself in double.
    """
    beyond = {gap.node: gap.blob for gap in gaps if not gap.size <= tolerance}
    try:
        doubled, rounding = _in_double(net.double(), blobs, captured, beyond)
    except RuntimeError:  # an operator that asks for single precision by itself
        return gaps
    return [
        replace(gap, size=doubled[gap.blob], rounding=rounding[gap.blob])
        if gap.blob in doubled
        and doubled[gap.blob] <= tolerance / _FINER
        and gap.size <= _MORE * rounding[gap.blob]
        else gap
        for gap in gaps
    ]


def _in_double(
    net: nn.Module, blobs: list[str], captured: Captured, nodes: Mapping[Node, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """How far blobs are from the module's in double precision, and the module from itself."""
    gaps: dict[str, list[float]] = {blob: [] for blob in nodes.values()}
    roundings: dict[str, list[float]] = {blob: [] for blob in nodes.values()}
    for given in _inputs(captured):
        single: dict[Node, torch.Tensor] = {}
        exact: dict[Node, torch.Tensor] = {}
        double = tuple(x.double() if x.is_floating_point() else x for x in given)
        run_watched(captured, given, nodes, single.__setitem__)
        run_watched(captured, double, nodes, exact.__setitem__, torch.double)
        found = _computed(net, double, blobs)
        for node, blob in nodes.items():
            gaps[blob].append(difference(found[blob], exact[node], blob))
            roundings[blob].append(difference(single[node].double(), exact[node], blob))
    return _largest(gaps), _largest(roundings)


def _largest(found: dict[str, list[float]]) -> dict[str, float]:
    """The largest of each list; no number where one is none."""
    return {blob: float(torch.tensor(sizes).max()) for blob, sizes in found.items()}


def difference(found: torch.Tensor, right: torch.Tensor, blob: str) -> float:
    """The largest difference, as a part of the largest finite number of what is right."""
    if found.shape != right.shape:
        what = f"blob {plain(blob)!r} is {show(tuple(found.shape))}, not {show(tuple(right.shape))}"
        raise NetError(f"the files are not kept: {what}")
    right = right.to(found.dtype)
    if not right.numel():
        return 0.0
    same = (found == right) | (found.isnan() & right.isnan())
    gap = torch.where(same, 0.0, (found - right).abs()).max()
    sizes = right.abs()
    return float(gap) / (float(sizes.where(sizes.isfinite(), 0.0).max()) or 1.0)


def _inputs(captured: Captured) -> Iterator[tuple[torch.Tensor, ...]]:
    """The example, then random numbers around its mean, of its own spread and of twice that."""
    yield captured.example
    random = torch.Generator().manual_seed(1)
    for times in range(1, TRIALS):
        yield tuple(_like(x, times, random) for x in captured.example)


def _like(x: torch.Tensor, times: int, random: torch.Generator) -> torch.Tensor:
    """Normal numbers about those of a tensor; whole numbers, which may be places, as they are."""
    if not x.is_floating_point():
        return x
    spread = float(x.std()) if x.numel() > 1 else 0.0
    noise = torch.randn(x.shape, generator=random, dtype=x.dtype)
    return float(x.mean()) + noise * times * (spread or 1.0) if x.numel() else x


def run_watched(
    captured: Captured,
    given: tuple[torch.Tensor, ...],
    nodes: Container[Node],
    see: Callable[[Node, torch.Tensor], None],
    precision: torch.dtype | None = None,
) -> None:
    """Run the module's operators and show the values of some; none is kept for that.

    ``precision`` is what its parameters and constants are turned to.
    """

    class Watching(Interpreter):
        def run_node(self, n: Node) -> object:
            value = super().run_node(n)
            if n in nodes:
                see(n, value)
            return value

    users = iter(given)
    specs = captured.program.graph_signature.input_specs
    arguments = [
        next(users)
        if spec.kind is InputKind.USER_INPUT
        else _turned(captured.tensor(spec), precision)
        for spec in specs
    ]
    with torch.no_grad():
        Watching(captured.program.graph_module).run(*arguments)


def _turned(tensor: torch.Tensor, precision: torch.dtype | None) -> torch.Tensor:
    return tensor.to(precision) if precision and tensor.is_floating_point() else tensor


def _unequal(gap: Gap, tolerance: float) -> NetError:
    where = f"{place_of(gap.node)}blob {gap.blob!r}"
    what = f"{where} differs from the module's value by {gap.size:.2g} of its largest number"
    hint = f"the tolerance is {tolerance:g}; --keep keeps the files all the same"
    return NetError(f"the files are not kept: {what}", None, hint)
