"""FLOWriter, ImgWriter, FloatWriter and PFMWriter: what FlowNet's forks write, file by file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.data.pass_files import PassCounter, put
from protonet.diagnostics import NetError

Planes = NDArray[np.float32]  # (channels, height, width)
_INTEGERS = float(2**31)


def flo_bytes(flow: Planes) -> bytes:
    """A flow (2, h, w) as Middlebury's .flo: u and v of each pixel. Source: writeFloFile."""
    height, width = flow.shape[1:]
    return b"PIEH" + np.array([width, height], "<i4").tobytes() + _pixels(flow, "<f4")


def float_bytes(blob: Planes) -> bytes:
    """A blob as .float3: its width, height and channels as text. Source: writeFloatFile."""
    channels, height, width = blob.shape
    head = f"float\n3\n{width}\n{height}\n{channels}\n"
    return head.encode() + blob.astype("<f4").tobytes()


def pfm_bytes(blob: Planes) -> bytes:
    """A map of 1 or 3 channels as .pfm, its sign turned, the last row first, big-endian.

    Source: writePFMFile, CImg's save_pfm.
    """
    height, width = blob.shape[1:]
    head = f"P{'f' if len(blob) == 1 else 'F'}\n{width} {height}\n1.0\n"
    return head.encode() + _pixels(-blob[:, ::-1], ">f4")


def image_bytes(blob: Planes, normalize: bool, scale: float) -> bytes:
    """A map of one channel as .pgm, one of three, BGR, as .ppm.

    ``normalize`` spreads what there is over 0 to 255, else it is multiplied by ``scale``; what
    then lies outside is cut off in colours, and in gray goes round, as a byte does in C.
    Source: writePPM, writePPMNorm, writePGM, writePGMNorm.
    """
    height, width = blob.shape[1:]
    color = len(blob) == 3
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if normalize:
            known = np.finfo(np.float32)  # a number that is none is passed over
            least = np.fmin.reduce(blob, axis=None, initial=known.max)
            most = np.fmax.reduce(blob, axis=None, initial=known.tiny)
            values = np.float32(255) * (blob - least) / (most - least)
        else:
            values = blob * np.float32(scale)
            values = np.clip(values, 0, 255) if color else values
    head = "P6 \n" if color and not normalize else "P6\n" if color else "P5\n"
    return f"{head}{width} {height} \n255\n".encode() + _pixels(_bytes(values[::-1]), "u1")


def _pixels(planes: NDArray[Any], kind: str) -> bytes:
    return np.ascontiguousarray(planes.transpose(1, 2, 0)).astype(kind).tobytes()


def _bytes(values: Planes) -> NDArray[np.uint8]:
    """As C's cast on x86: the fraction goes, then all bits but the last eight."""
    inside = np.isfinite(values) & (np.abs(values) < _INTEGERS)
    return (np.where(inside, values, 0).astype(np.int64) & 255).astype(np.uint8)


@dataclass(frozen=True)
class _Format:
    """What a layer writes: the letters behind its files' names, and their bytes."""

    suffix: Callable[[Planes], str]
    content: Callable[[Planes, Any], bytes]


_FORMATS = {
    "FLOWriter": _Format(lambda _: ".flo", lambda x, _: flo_bytes(x)),
    "FloatWriter": _Format(lambda _: ".float3", lambda x, _: float_bytes(x)),
    "PFMWriter": _Format(lambda _: ".pfm", lambda x, _: pfm_bytes(x)),
    "ImgWriter": _Format(
        lambda x: ".ppm" if len(x) == 3 else ".pgm",
        lambda x, p: image_bytes(x, p.normalize, p.scale),
    ),
}


class FlowWriter(PassCounter):
    """The files FOLDER/PREFIX, seven digits of the pass, (ITEM) of several, SUFFIX and the type's.

    Or the one ``file``, which every item replaces. NetError where neither is given, with which the
    fork would write into the root of all folders. Source: FLOWriterLayer and its like.
    """

    def __init__(self, kind: str, parameter: Any) -> None:
        super().__init__()
        self._format, self._p = _FORMATS[kind], parameter
        if not (parameter.folder or parameter.file):
            what = f"{kind} has neither a folder nor a file to write to"
            raise NetError(what, None, "give writer_param { folder }")

    def add(self, *blobs: ArrayLike) -> None:
        """Write each item of one pass."""
        number = self.count()
        items = np.asarray(blobs[0], np.float32)
        for index, item in enumerate(items):
            if self._p.HasField("file") and index + 1 < len(items):
                continue  # the next item takes its place
            put(self._path(item, number, index, len(items)), self._format.content(item, self._p))

    def _path(self, item: Planes, number: int, index: int, count: int) -> str:
        p = self._p
        if p.HasField("file"):
            return str(p.file)
        which = f"({index:03d})" if count > 1 else ""
        return f"{p.folder}/{p.prefix}{number:07d}{which}{p.suffix}{self._format.suffix(item)}"
