"""Which net of a definition is meant, and what of it: one fact for all that pass it on."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from protonet.diagnostics import NetError
from protonet.given import flag_given

PHASES = ("TRAIN", "TEST")
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Selection:
    """The phase, stages and level that choose layers, and the form that the net is to have.

    ``shapes`` gives or replaces input shapes, {blob: (n, c, h, w)}. ``outputs`` are the blobs to be
    given out, None for the net's own. ``faithful`` keeps one statement a layer and Caffe's own
    BatchNorm, ``flat`` one class without blocks. ``allow_python`` lets Python layers run their
    classes. NetError where the phase is none.
    """

    phase: str = "TEST"
    stages: tuple[str, ...] = ()
    level: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    allow_python: bool = False
    outputs: tuple[str, ...] | None = None
    faithful: bool = False
    flat: bool = False

    def forms(self) -> tuple[Selection, ...]:
        """The same net in each of the forms that it can be written in."""
        kinds = ((False, False), (False, True), (True, False))
        return tuple(replace(self, faithful=faithful, flat=flat) for faithful, flat in kinds)

    def __post_init__(self) -> None:
        if not isinstance(self.phase, str) or self.phase not in PHASES:
            hint = 'give phase="TRAIN" or phase="TEST"'
            raise NetError(f"the phase is TRAIN or TEST, not {self.phase!r}", None, hint)

    @classmethod
    def of(
        cls,
        phase: str = "TEST",
        stages: Sequence[str] = (),
        level: int = 0,
        shapes: Shapes | None = None,
        allow_python: bool = False,
        outputs: Sequence[str] | None = None,
        faithful: bool = False,
        flat: bool = False,
    ) -> Selection:
        """What a caller's words mean: a phase in any case, sequences of any kind.

        One text in a sequence's place is its one item. NetError where something is no such thing.
        """
        upper = phase.upper() if isinstance(phase, str) else phase
        known = upper if isinstance(upper, str) and upper in PHASES else phase
        named = None if outputs is None else _names(outputs, "outputs", "fc7")
        chosen = _names(stages, "stages", "deploy")
        allowed = flag_given(allow_python, "allow_python")
        whole, one_class = flag_given(faithful, "faithful"), flag_given(flat, "flat")
        level = _level(level)
        return cls(known, chosen, level, _sizes(shapes), allowed, named, whole, one_class)


def _names(given: Any, what: str, such: str) -> tuple[str, ...]:
    """A caller's sequence of names; one text is one name. NetError where it is none of them."""
    items = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    for item in items:
        if not isinstance(item, str):
            raise NetError(f"{what} are names, not {item!r}", None, f'give {what}=["{such}"]')
    return items


def _level(level: Any) -> int:
    try:
        return operator.index(level)
    except TypeError:
        what = f"the level is a whole number, not {level!r}"
        raise NetError(
            what, None, "give level=0, or the one that min_level rules speak of"
        ) from None


def _sizes(shapes: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of blobs as tuples of int. NetError, naming the blob, where one is no shape."""
    if shapes is None:
        return {}
    if not isinstance(shapes, Mapping):
        what = f"shapes give each blob its own, not {shapes!r}"
        raise NetError(what, None, 'give shapes={"data": (10, 3, 227, 227)}')
    return {blob: _size(blob, shape) for blob, shape in shapes.items()}


def _size(blob: Any, shape: Any) -> tuple[int, ...]:
    hint = f"give shapes={{{blob!r}: (10, 3, 227, 227)}}"
    if not isinstance(blob, str):
        raise NetError(f"shapes name blobs, not {blob!r}", None, hint)
    try:
        size = tuple(operator.index(n) for n in shape)
    except TypeError:
        what = f"the shape of {blob!r} is a sequence of whole numbers, not {shape!r}"
        raise NetError(what, None, hint) from None
    if any(n < 1 for n in size):
        raise NetError(f"the shape of {blob!r} is {size}, and each size is at least 1", None, hint)
    return size


DEFAULT = Selection()
