"""What Caffe's fillers refuse, of layers and of made-up data alike."""

from __future__ import annotations

from math import inf, prod
from typing import Any

from protonet.diagnostics import did_you_mean

FILLERS = ("constant", "gaussian", "uniform", "xavier", "msra", "bilinear", "positive_unitball")
# FlowNet2's, Intel's, happynear's two, ccnn's, and ALISCIFP's.
_OF_FORKS = ("diagonal", "gabor", "identity", "gaussian_unitball", "bilinear_upsampling", "file")
_BILINEAR = ("bilinear", "bilinear_upsampling")  # one filter, two names
# Filters of a number and a side that Intel's fork has Gabor filters for.
GABOR = ((32, 5), (64, 7), (64, 3), (96, 11))
_LARGEST = 3.4028234663852886e38
_BY_FIRST_AXIS = ("xavier", "msra", "positive_unitball")

# A problem: what is wrong, the field of the FillerParameter, what would be right.
FillerProblem = tuple[str, str, str | None]


def filler_problem(filler: Any, shape: tuple[int, ...]) -> FillerProblem | None:
    """Why a FillerParameter can't fill a blob of that shape. Source: Filler::Fill, GetFiller."""
    kind = filler.type
    if kind not in (*FILLERS, *_OF_FORKS):
        hint = did_you_mean(kind, FILLERS) or f"the fillers are {', '.join(FILLERS)}"
        return f"unknown filler {kind!r}", "type", hint
    if filler.sparse < -1 or (filler.sparse != -1 and kind != "gaussian"):
        what = f"a {kind} filler can't have sparse {filler.sparse}"
        return what, "sparse", "sparse goes with gaussian"
    by_first = kind in _BY_FIRST_AXIS or filler.sparse != -1
    if by_first and not shape:
        what = f"a {kind} filler needs axes to count by, this is a single number"
        return what, "type", "constant, uniform and gaussian fill one"
    if kind in _BILINEAR and (len(shape) != 4 or shape[2] != shape[3]):
        given = "x".join(map(str, shape)) or "a single number"
        return f"a {kind} filler needs 4 axes, the last two alike, not {given}", "type", None
    if kind in _OF_FORKS:
        return _of_fork(kind, shape) or _of_file(filler, shape)
    return _numbers(filler, shape)


def _of_file(filler: Any, shape: tuple[int, ...]) -> FillerProblem | None:
    """What a file of numbers lacks; nothing where it was not there to be read."""
    if filler.type != "file":
        return None
    if not filler.file:
        return "a file filler names no file", "type", 'state file: "numbers.txt"'
    size, given = prod(shape), len(filler.file_numbers)
    if given and given < size:
        return f"the blob takes {size} numbers, the file {filler.file!r} has {given}", "file", None
    return None


def _of_fork(kind: str, shape: tuple[int, ...]) -> FillerProblem | None:
    """What the forks' own fillers refuse. Source: their filler.hpp."""
    given = "x".join(map(str, shape)) or "a single number"
    if kind == "gaussian_unitball" and not shape:
        return f"a {kind} filler needs axes to count by, this is {given}", "type", None
    if kind == "identity" and (len(shape) < 2 or shape[0] != shape[1]):
        return f"an identity filler needs two first axes alike, not {given}", "type", None
    if kind == "identity" and set(shape[2:]) - {1}:
        what = f"an identity filler fills a matrix, or filters of 1x1, not {given}"
        return what, "type", "in its fork it fills the first outputs of wider filters only"
    if kind == "diagonal" and len(shape) > 4:
        return f"a diagonal filler needs at most 4 axes, not {given}", "type", None
    square = len(shape) == 4 and shape[1] == 3 and shape[2] == shape[3]
    if kind == "gabor" and not (square and (shape[0], shape[2]) in GABOR):
        kinds = ", ".join(f"{n}x3x{side}x{side}" for n, side in GABOR)
        return f"there are Gabor filters for {kinds}, not for {given}", "type", None
    return None


def _numbers(filler: Any, shape: tuple[int, ...]) -> FillerProblem | None:
    """The numbers that a distribution does not have. Source: caffe_rng_uniform and its like."""
    if filler.type == "uniform":
        low, high = filler.min, filler.max
        if not low <= high:
            stated = "min" if filler.HasField("min") else "max"
            return f"min {low:g} is above max {high:g}", stated, None
        if high - low > _LARGEST:
            return f"from min {low:g} to max {high:g} is more than a float holds", "max", None
    if filler.type == "gaussian":
        if not 0 < filler.std < inf:
            return f"std must be above 0, not {filler.std:g}", "std", "a constant has no spread"
        if filler.sparse != -1 and filler.sparse > shape[0]:
            what = f"sparse {filler.sparse} is more than the {shape[0]} of the blob's first axis"
            return what, "sparse", None
    return None
