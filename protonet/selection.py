"""Which net of a definition is meant, and what of it: one fact for all that pass it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from protonet.diagnostics import NetError

PHASES = ("TRAIN", "TEST")
Shapes = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Selection:
    """The phase, stages and level that choose layers, and the form that the net is to have.

    ``shapes`` gives or replaces input shapes, {blob: (n, c, h, w)}. ``outputs`` are the blobs to be
    given out, None for the net's own. ``faithful`` keeps one statement a layer and Caffe's own
    BatchNorm. ``allow_python`` lets Python layers run their classes. NetError where the phase is
    none.
    """

    phase: str = "TEST"
    stages: tuple[str, ...] = ()
    level: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    allow_python: bool = False
    outputs: tuple[str, ...] | None = None
    faithful: bool = False

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise NetError(f"the phase is TRAIN or TEST, not {self.phase!r}")

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
    ) -> Selection:
        """What a caller's words mean: a phase in any case, sequences of any kind."""
        sizes = {blob: tuple(int(n) for n in shape) for blob, shape in (shapes or {}).items()}
        named = None if outputs is None else tuple(outputs)
        known = phase.upper() if phase.upper() in PHASES else phase
        return cls(known, tuple(stages), level, sizes, allow_python, named, faithful)


DEFAULT = Selection()
