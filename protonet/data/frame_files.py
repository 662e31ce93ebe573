"""Frames of a video, each an image file in the video's folder."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.data.image_files import Size, read_image

_NUMBER = r"%0?[0-9]{0,2}d"
_PLAIN = r"(?:[^%/]|%%)*"
RGB_NAMES = re.compile(f"{_PLAIN}{_NUMBER}{_PLAIN}")
FLOW_NAMES = re.compile(f"{_PLAIN}%c{_PLAIN}{_NUMBER}{_PLAIN}")


def read_frames(
    folder: Path, names: list[str], size: Size, color: bool, missing: bool = False
) -> NDArray[np.uint8]:
    """Frames as (count, channels, height, width). ValueError where one can't be read or differs.

    Where one may be ``missing``, the last one that was there stands for it.
    """
    frames: list[NDArray[np.uint8]] = []
    for name in names:
        if frames and missing and not (folder / name).exists():
            frames.append(frames[-1])
            continue
        try:
            image = read_image(folder / name, size, color)
        except ValueError as error:
            raise ValueError(f"its frame {name!r}: {error}") from None
        planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
        if frames and planes.shape != frames[0].shape:
            shown = ["x".join(str(n) for n in f.shape[1:]) for f in (planes, frames[0])]
            raise ValueError(f"its frame {name!r} is {shown[0]}, and those before are {shown[1]}")
        frames.append(planes)
    return np.stack(frames)
