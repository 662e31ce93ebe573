"""Frames of a video file, by OpenCV."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.data.extras import need
from protonet.data.image_files import Size, resized
from protonet.reading import reason, taking


class VideoFile:
    """An open video: how many frames it says it has, and its frames one after the other.

    ValueError where it can't be opened. Frames are counted from 0 and never sought: a decoder
    that seeks may land on another frame, and does not say so.
    """

    def __init__(self, path: Path) -> None:
        self._cv2: Any = need("cv2", "a video file")
        try:
            os.stat(path)
        except OSError as error:
            raise ValueError(reason(error)) from None
        with taking("OpenCV can't open it as a video"):
            self._capture = self._cv2.VideoCapture(os.fspath(path))
        if not self._capture.isOpened():
            raise ValueError("OpenCV can't open it as a video")
        self.count = max(0, int(self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT)))
        self._next = 0

    def frames(self, start: int, count: int, rate: int, size: Size) -> NDArray[np.uint8]:
        """Every ``rate``-th of the frames from one on as (count, 3, height, width), BGR."""
        self.pass_over(start - self._next)
        frames = []
        for number in range(count):
            image = self.read()
            frames.append(resized(image, size).transpose(2, 0, 1))
            if number + 1 < count:
                self.pass_over(rate - 1)
        return np.stack(frames)

    def read(self) -> NDArray[np.uint8]:
        """The next frame as (height, width, 3), BGR. ValueError where there is none."""
        with taking(f"OpenCV can't decode its frame {self._next}"):
            fine, image = self._capture.read()
        if not fine:
            raise ValueError(f"OpenCV finds no frame {self._next} of {self.count} in it")
        self._next += 1
        found: NDArray[np.uint8] = image
        return found

    def pass_over(self, count: int) -> None:
        """Leave out so many frames. ValueError where there are fewer."""
        for _ in range(count):
            with taking(f"OpenCV can't decode its frame {self._next}"):
                fine = self._capture.grab()
            if not fine:
                raise ValueError(f"OpenCV finds no frame {self._next} of {self.count} in it")
            self._next += 1

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()
