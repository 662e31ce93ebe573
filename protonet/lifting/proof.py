"""Whether written files compute what the module does: compiled back, value by value."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass

import torch
from torch.export.graph_signature import InputKind
from torch.fx import Interpreter, Node

from protonet.diagnostics import NetError
from protonet.lifting.captured import Captured
from protonet.lifting.draft import Draft
from protonet.lifting.trace import place_of
from protonet.plain import plain
from protonet.shape import show

_TRIALS = 3


@dataclass(frozen=True)
class Gap:
    """How far a blob is from its value in the module, as a part of its largest number."""

    blob: str
    size: float
    node: Node


def proved(
    draft: Draft,
    captured: Captured,
    prototxt: str | os.PathLike[str],
    caffemodel: str | os.PathLike[str],
    tolerance: float,
) -> list[Gap]:
    """The gaps of every blob, the largest of the trials. NetError where one is beyond tolerance."""
    from protonet.api import compile

    blobs = list(dict.fromkeys(blob.path for blob in draft.values.values()))
    net = compile(prototxt, weights=os.fspath(caffemodel), outputs=blobs, faithful=True)
    net.eval()
    largest: dict[str, Gap] = {}
    for given in _inputs(captured):
        with torch.no_grad():
            found = net(*given)
        found = found if isinstance(found, dict) else dict(zip(blobs, [found], strict=True))

        def compare(
            node: Node, right: torch.Tensor, found: dict[str, torch.Tensor] = found
        ) -> None:
            blob = draft.values[node].path
            gap = Gap(blob, difference(found[blob], right, blob), node)
            if blob not in largest or not gap.size <= largest[blob].size:
                largest[blob] = gap

        run_watched(captured, given, set(draft.values), compare)
    for gap in largest.values():
        if not gap.size <= tolerance:
            raise _unequal(gap, tolerance)
    return list(largest.values())


def difference(found: torch.Tensor, right: torch.Tensor, blob: str) -> float:
    """The largest difference, as a part of the largest finite number of what is right."""
    if found.shape != right.shape:
        what = f"blob {plain(blob)!r} is {show(tuple(found.shape))}, not {show(tuple(right.shape))}"
        raise NetError(f"the files are not kept: {what}")
    right = right.float()
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
    for times in range(1, _TRIALS):
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
) -> None:
    """Run the module's operators and show the values of some; none is kept for that."""

    class Watching(Interpreter):
        def run_node(self, n: Node) -> object:
            value = super().run_node(n)
            if n in nodes:
                see(n, value)
            return value

    users = iter(given)
    specs = captured.program.graph_signature.input_specs
    arguments = [
        next(users) if spec.kind is InputKind.USER_INPUT else captured.tensor(spec)
        for spec in specs
    ]
    with torch.no_grad():
        Watching(captured.program.graph_module).run(*arguments)


def _unequal(gap: Gap, tolerance: float) -> NetError:
    where = f"{place_of(gap.node)}blob {gap.blob!r}"
    what = f"{where} differs from the module's value by {gap.size:.2g} of its largest number"
    hint = f"the tolerance is {tolerance:g}; --keep keeps the files all the same"
    return NetError(f"the files are not kept: {what}", None, hint)
