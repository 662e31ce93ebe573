"""MemoryData: arrays of the caller."""

from __future__ import annotations

import reprlib

import numpy as np
from numpy.typing import ArrayLike, NDArray

from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.extras import NotHere
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.position import Position
from protonet.data.transform import Transform


@feeds
class MemoryFeed(Feed):
    """Batches of arrays that the caller has given with ``reset`` or ``add_images``, over and over.

    Source: MemoryDataLayer.
    """

    type = "MemoryData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        p = definition.layer.memory_data_param
        for field in ("batch_size", "channels", "height", "width"):
            if not getattr(p, field):
                what = f"{field} must be positive, it is 0"
                raise definition.error(what, "memory_data_param", field)
        if len(definition.tops) != 2:
            what = f"it gives 2 tops, data and labels, not {len(definition.tops)}"
            error = definition.error(what, "top")
            raise NotHere(error.message, error.span, error.hint)
        self._batch = int(p.batch_size)
        self._item = (int(p.channels), int(p.height), int(p.width))
        self._transform = Transform(definition, Seeds(definition))
        self._data: NDArray[np.float32] | None = None
        self._labels = np.empty(0, np.float32)
        self._position = 0
        tops = definition.tops
        self.shapes = {tops[0]: (self._batch, *self._item), tops[1]: (self._batch,)}

    def reset(self, data: ArrayLike, labels: ArrayLike) -> None:
        """Take (n, channels, height, width) data as they are and (n,) labels, from the first on.

        n is a multiple of batch_size. NetError where the arrays don't fit. Source:
        MemoryDataLayer::Reset, which does not transform either.
        """
        values = self._floats(data, "the data")
        if values.ndim != 4 or values.shape[1:] != self._item:
            what = f"the data given have the shape {values.shape}; it takes (n, "
            raise self.definition.error(what + ", ".join(map(str, self._item)) + ")")
        self._take(values, labels)

    def add_images(self, images: ArrayLike, labels: ArrayLike) -> None:
        """Take (n, channels, height, width) images, each put through transform_param.

        NetError where they don't fit. Source: MemoryDataLayer::AddMatVector.
        """
        given = np.asarray(images)
        if given.ndim != 4:
            raise self.definition.error(f"images have 4 axes, not {given.ndim}")
        values = np.empty((len(given), *self._item), np.float32)
        draws = self._transform.draw(len(given))
        for row, image in enumerate(given):
            try:
                self._transform.apply(image, draws, row, values[row])
            except ValueError as error:
                raise self.definition.error(f"image {row} can't be taken: {error}") from None
        self._take(values, labels)

    def _take(self, values: NDArray[np.float32], labels: ArrayLike) -> None:
        classes = self._floats(labels, "the labels").reshape(-1)
        if len(classes) != len(values):
            what = f"{len(values)} items are given with {len(classes)} labels"
            raise self.definition.error(what)
        if not len(values) or len(values) % self._batch:
            what = f"{len(values)} items are no multiple of batch_size {self._batch}"
            raise self.definition.error(what, "memory_data_param", "batch_size")
        self._data, self._labels, self._position = values, classes, 0

    def _floats(self, given: ArrayLike, what: str) -> NDArray[np.float32]:
        try:
            return np.ascontiguousarray(given, np.float32)
        except (ValueError, TypeError):
            shown = f"{what} given are no array of numbers: {reprlib.repr(given)}"
            raise self.definition.error(shown) from None

    def plan(self) -> slice:
        if self._data is None:
            what = "it has no data: they are given from Python"
            hint = 'protonet.batches(net, memory={"LAYER": (data, labels)}), or feed.reset'
            if self.definition.layer.memory_data_param.source:
                what += ", and CaffeOnSpark alone reads its source"
                hint = "of an LMDB make it a Data layer: data_param { source: ... backend: LMDB }"
            raise self.definition.error(what, hint=hint)
        start = self._position
        self._position = (start + self._batch) % len(self._data)
        return slice(start, start + self._batch)

    def make(self, planned: slice, new: Allocate = new_array) -> Batch:
        assert self._data is not None
        batch = self._data[planned].copy(), self._labels[planned].copy()
        return dict(zip(self.definition.tops, batch, strict=True))

    def mark(self) -> int:
        return self._position

    def marked(self, mark: int) -> Position:
        return {"position": mark, "count": len(self._labels)}

    def go_to(self, state: Position) -> None:
        if int(state["count"]) != len(self._labels):
            raise ValueError(f"it was among {state['count']} items, here are {len(self._labels)}")
        if int(state["position"]) not in range(0, max(1, len(self._labels)), self._batch):
            raise ValueError(f"it was at the item {state['position']}, where no batch begins")
        self._position = int(state["position"])
