"""EvalData: images of a window file, resized, with their true boxes and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition
from protonet.data.extras import need
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.image_decode import MOST_PIXELS, decode
from protonet.data.image_files import content
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.data.truth_file import Truth, read_truth, refuse_size
from protonet.diagnostics import NetError
from protonet.reading import taking

_PARAM, _STEP, _BOX = "eval_data_param", 32, 8


@feeds
class EvalFeed(Feed):
    """Images in the order of their file, with sides that are multiples of 32, and their truth.

    Source: EvalDataLayer of zhaoweicai's cascade-rcnn.
    """

    type = "EvalData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = getattr(definition.layer, _PARAM)
        self._t: Any = definition.layer.transform_param
        self._batch = definition.batch_size(self._p, _PARAM)
        self._check()
        path = definition.readable(self._p.source, _PARAM, "source")
        with definition.placing(_PARAM, "source"):
            self._truths = read_truth(path, cascade=True)
        self._order = Order(len(self._truths), None)
        mean = np.array(self._t.mean_value, np.float32)
        self._mean = np.broadcast_to(mean if mean.size else np.float32(0), (3,))
        size = self._read(self._truths[0]).shape[:2]
        shapes = (self._batch, 3, *size), (1, _BOX, 1, 1), (self._batch, 2, 1, 1)
        self.shapes = dict(zip(definition.tops, shapes, strict=False))

    def _check(self) -> None:
        definition, p = self.definition, self._p
        if p.scale != 1:
            what = "scale has no effect in the fork, which passes over it"
            raise definition.error(what, _PARAM, "scale", hint="transform_param has a scale")
        definition.refuse_others(self._t, {"scale", "mean_value"}, "transform_param")
        if len(self._t.mean_value) not in (0, 1, 3):
            what = f"mean_value is given {len(self._t.mean_value)} times for 3 channels"
            raise definition.error(what, "transform_param", "mean_value", 0)
        if not self._is_resized() and self._batch != 1:
            what = "batch_size is 1 without a resize_width and resize_height"
            raise definition.error(f"{what}, not {self._batch}", _PARAM, "batch_size")
        if len(definition.tops) not in (2, 3):
            raise definition.error(f"it gives 2 or 3 tops, not {len(definition.tops)}", "top")

    def _is_resized(self) -> bool:
        return bool(self._p.HasField("resize_width") and self._p.HasField("resize_height"))

    def _sides(self, height: int, width: int) -> tuple[int, int]:
        """The height and width that an image of such a size gets."""
        sides = height, width
        if self._is_resized():
            sides = int(self._p.resize_height), int(self._p.resize_width)
        elif self._p.HasField("short_size") and self._p.HasField("long_size"):
            factor = np.float32(self._p.short_size) / np.float32(min(height, width))
            most = int(self._p.long_size)
            high, wide = (min(_nearest(np.float32(n) * factor), most) for n in sides)
            sides = high, wide
        found = tuple(_nearest(n / _STEP) * _STEP for n in sides)
        if min(found) < 1 or found[0] * found[1] > MOST_PIXELS:
            raise ValueError(f"it would be scaled to {found[0]}x{found[1]}")
        return found[0], found[1]

    def _read(self, truth: Truth) -> NDArray[np.uint8]:
        """The image (h, w, 3), resized. NetError where it can't be read."""
        try:
            image = decode(content(self.definition.path(self._p.root_folder + truth.path)), True)
            refuse_size(truth, image.shape)
            high, wide = self._sides(*image.shape[:2])
            cv2 = need("cv2", "an EvalData layer")
            with taking(f"OpenCV can't resize it to {high}x{wide}"):
                resized: NDArray[np.uint8] = cv2.resize(image, (wide, high))
        except ValueError as error:
            what = f"the image {self._p.root_folder + truth.path!r} in {self._p.source} can't be "
            raise self._error(f"{what}taken: {error}") from None
        return resized

    def _error(self, what: str) -> NetError:
        return self.definition.error(what, _PARAM, "source")

    def plan(self) -> list[Truth]:
        planned = []
        for _ in range(self._batch):
            planned.append(self._truths[self._order.current])
            self._order.advance()
        return planned

    def make(self, planned: list[Truth], new: Allocate = new_array) -> Batch:
        images = [self._read(truth) for truth in planned]
        size = images[0].shape[:2]
        data = new((len(planned), 3, *size))
        scale = np.float32(self._t.scale)
        for item, image in enumerate(images):
            data[item] = ((image.astype(np.float32) - self._mean) * scale).transpose(2, 0, 1)
        sizes = np.full((len(planned), 2, 1, 1), 0, np.float32)
        sizes[:, :, 0, 0] = size
        boxes = np.concatenate([_rows(i, t, size) for i, t in enumerate(planned)])
        if not len(boxes):
            boxes = np.full((1, _BOX), -1, np.float32)
        tops = data, boxes[:, :, None, None], sizes
        return dict(zip(self.definition.tops, tops, strict=False))

    def mark(self) -> OrderMark:
        return self._order.mark()

    def marked(self, mark: OrderMark) -> Position:
        return {"order": mark.state()}

    def go_to(self, state: Position) -> None:
        self._order.go_to(state["order"])


def _rows(item: int, truth: Truth, size: tuple[int, ...]) -> Floats:
    """Rows of item, x1, y1, x2, y2, label, ignored, difficult, in pixels of the resized image."""
    high, wide = (np.float32(n) for n in size)
    factors = np.array([wide / np.float32(truth.width), high / np.float32(truth.height)] * 2)
    facts = truth.labels, truth.ignored != 0, truth.difficult != 0
    place = np.full(len(truth.labels), item)
    sides = truth.boxes * factors.astype(np.float32)
    return np.stack([place, *sides.T, *facts], 1).astype(np.float32)


def _nearest(value: float | np.floating[Any]) -> int:
    """The nearest whole number, halves up, as C's round of what is not negative."""
    return int(np.floor(float(value) + 0.5))
