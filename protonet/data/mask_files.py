"""BinaryPngWrite and VisualSaliency: where a net finds its object, written as images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.data.extras import need
from protonet.data.pass_files import PassCounter, PassNames, put
from protonet.reading import taking


def _mask(scores: NDArray[Any]) -> NDArray[np.uint8]:
    """255 where the second of (2, h, w) scores is above the first."""
    return np.where(scores[1] > scores[0], 255, 0).astype(np.uint8)


def _image(mask: NDArray[np.uint8], suffix: str, *options: int) -> bytes:
    """A mask as an image file."""
    cv2: Any = need("cv2", "an image that is written")
    with taking(f"OpenCV can't write {mask.shape[0]}x{mask.shape[1]} as {suffix}"):
        _, content = cv2.imencode(suffix, mask, options)
    return bytes(content)


class BinaryPngWriter(PassCounter):
    """The files PREFIX, then a name of the list ``source`` or iter_N, then _mask.png.

    Of several blobs the K-th gives its K-th item, and all go into one file, of which the last
    stays. What PassNames refuses is a NetError. Source: BinaryPngWriteLayer of Kinpzz's fork.
    """

    def __init__(self, prefix: str, source: str, strip: int, period: int) -> None:
        super().__init__()
        self._names = PassNames("BinaryPngWrite", prefix, source, strip, period)

    def add(self, *blobs: ArrayLike) -> None:
        """Write the mask of one pass. NetError where the list has no more names."""
        cv2: Any = need("cv2", "an image that is written")
        name = self._names.of(self.count())
        if name is None:
            return
        last = len(blobs) - 1
        scores = np.asarray(blobs[last])[last]
        put(f"{name}_mask.png", _image(_mask(scores), ".png", cv2.IMWRITE_PNG_COMPRESSION, 0))


class SaliencyWriter(PassCounter):
    """The files FOLDER/K_ITEM_LAYER.jpg of the first items of every ``interval``-th pass.

    Source: VisualSaliencyLayer of Kinpzz's fork.
    """

    def __init__(self, folder: str, layer: str, items: int, interval: int) -> None:
        super().__init__()
        self._folder, self._layer = folder, layer
        self._items, self._interval = items, interval

    def add(self, *blobs: ArrayLike) -> None:
        """Write the masks of one pass."""
        turn, rest = divmod(self.count(), self._interval)
        scores = np.asarray(blobs[0])
        for item in range(self._items if not rest else 0):
            path = f"{self._folder}/{turn}_{item}_{self._layer}.jpg"
            put(path, _image(_mask(scores[item]), ".jpg"))
