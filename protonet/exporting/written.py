"""What an export came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BlobSizes = tuple[int | str | None, ...]


@dataclass(frozen=True)
class Checked:
    """What trials of a file found: the runtime, how many there were, the largest difference."""

    runtime: str
    trials: int
    difference: float


@dataclass(frozen=True)
class Written:
    """An exported file: its size, its inputs and outputs with their shapes, and its trials.

    ``checked`` is None where there were none. ``nodes`` is how many operators an ONNX file has.
    """

    path: str
    size: int
    inputs: Mapping[str, BlobSizes]
    outputs: Mapping[str, BlobSizes]
    nodes: int
    checked: Checked | None
