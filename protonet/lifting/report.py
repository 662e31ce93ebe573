"""What lifting a module came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from protonet.shape import Shape


@dataclass(frozen=True)
class Lifted:
    """The two files, the net's layers, its ends, and how far its values are from the module's.

    ``layers`` are (name, type); ``inputs`` and ``outputs`` are blobs with their shapes, in the
    order in which forward takes and returns them. ``difference`` is the largest of a value, as a
    part of the largest number in its blob, and ``worst`` that blob; ``compared`` is how many blobs
    there were, ``trials`` on how many inputs. ``rounding`` is 0; or the
    module's own numbers are less certain than the tolerance, by so much of the largest in a blob,
    and there the difference was taken in double precision. ``unequal`` is how many blobs are
    beyond the tolerance, in files that were to be kept all the same.
    """

    prototxt: str
    caffemodel: str
    layers: tuple[tuple[str, str], ...]
    parameters: int
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    difference: float
    worst: str
    compared: int
    trials: int
    rounding: float = 0.0
    unequal: int = 0
