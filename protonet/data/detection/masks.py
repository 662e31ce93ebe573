"""The classes of the pixels as the third top of MobileNet-YOLO's AnnotatedData."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.detection.boxes import WHOLE
from protonet.data.detection.cropping import cropped
from protonet.data.extras import need
from protonet.data.image_decode import decode
from protonet.diagnostics import NetError, Source, raise_all
from protonet.reading import reading
from protonet.schema.bind import bind_text
from protonet.schema.pool import Message

_HALF, _FULL = 100, 255


class Masks:
    """One plane of 0 to 1 a class, or one of 0 and 1 with single_class.

    Source: AnnotatedDataLayer of MobileNet-YOLO's fork, Transform2.
    """

    def __init__(self, p: Message, label_map: Path | None) -> None:
        self._scale = int(p.seg_scales)
        self._size = (int(p.seg_resize_height), int(p.seg_resize_width))
        self._classes = np.zeros(0, np.int64) if label_map is None else classes_of(label_map)
        self.planes = 1 if p.single_class else int(self._classes.max())
        self._single = bool(p.single_class)

    def shape(self, batch: int, height: int, width: int) -> tuple[int, int, int, int]:
        """Of the top beside images of that size."""
        if not all(self._size):
            return batch, self.planes, height // self._scale, width // self._scale
        return batch, self.planes, *self._size

    def write(self, data: bytes, window: Floats | None, mirror: bool, out: Floats) -> None:
        """The planes of one record's mask. ValueError where it has none."""
        if not data:
            raise ValueError("it has no seg_label, and the layer has a third top")
        cv2 = need("cv2", "an image")
        mask = cropped(decode(data, False), WHOLE if window is None else window)
        size = out.shape[2], out.shape[1]
        for number, plane in enumerate(out, 1):
            shown: Array = mask if self._single else self._of_class(mask, number)
            resized = cv2.resize(shown, size)
            if self._single:
                resized = np.where(resized > _HALF, _FULL, 0)
            plane[...] = (resized[:, ::-1] if mirror else resized) * np.float32(1 / 255.0)

    def _of_class(self, mask: Array, number: int) -> Array:
        """255 where a pixel's value is the place of an item with that label_id."""
        table = np.zeros(256, np.uint8)
        places = np.flatnonzero(self._classes == number)
        table[places[places < 256]] = _FULL
        chosen: Array = np.take(table, mask)
        return chosen


def classes_of(path: Path) -> Array:
    """The label_id of each item of a YoloSegLabel, in its order. NetError where it has none."""
    with reading(path, "can't be read", None):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    found, errors = bind_text(Source(str(path), text), "YoloSegLabel")
    raise_all(errors)
    numbers = np.array([item.label_id for item in found.item], np.int64)
    if not numbers.size or numbers.max() < 1 or numbers.max() > 255:
        raise NetError(f"{path} has no item with a label_id from 1 to 255")
    return numbers
