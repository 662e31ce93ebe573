"""ImageData: image files from a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from protonet.data.buffers import new_array
from protonet.data.datum import planes
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.image_decode import Image
from protonet.data.image_files import Size, read_image
from protonet.data.image_list import ListedImage, missing_hint, read_list
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.data.random import Mark
from protonet.data.transform import Draws, Transform
from protonet.diagnostics import NetError

_KNOWN = {
    *("source", "batch_size", "rand_skip", "shuffle", "new_height", "new_width"),
    *("is_color", "root_folder"),
    *("cache", "precache", "threads"),  # of forks: how they read, not what
}


@dataclass(frozen=True)
class _Mark:
    order: OrderMark
    offset: int
    random: Mark


@feeds
class ImageFeed(Feed):
    """Image files of a list with their labels, in its order or shuffled each time round.

    Of several processes each takes its own lines in TRAIN, of one order for all; Caffe lets each
    go its own way through all of them. Source: ImageDataLayer.
    """

    type = "ImageData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = definition.layer.image_data_param
        definition.refuse_others(self._p, _KNOWN, "image_data_param")
        seeds = Seeds(definition)
        self._batch = definition.batch_size(self._p, "image_data_param")
        self._transform = Transform(definition, seeds)
        self._size = self._wanted_size()
        self._entries = self._listed()
        self._order = Order(len(self._entries), seeds.common() if self._p.shuffle else None)
        self._offset = 0
        self._skip_at_random(seeds)
        self._infer()
        self._transform.seed(seeds)

    def _wanted_size(self) -> Size:
        size = Size(self._p.new_height, self._p.new_width)
        if bool(size.height) != bool(size.width):
            missing = "new_width" if size.height else "new_height"
            given = "new_height" if size.height else "new_width"
            what = f"{given} is given without {missing}"
            raise self.definition.error(what, "image_data_param", given, hint="give both")
        return size

    def _listed(self) -> list[ListedImage]:
        path = self.definition.readable(self._p.source, "image_data_param", "source")
        with self.definition.placing("image_data_param", "source"):
            return read_list(path)

    def _skip_at_random(self, seeds: Seeds) -> None:
        if not self._p.rand_skip:
            return
        skip = seeds.common() % self._p.rand_skip
        if skip >= len(self._entries):
            what = f"rand_skip would skip {skip} images of {len(self._entries)}"
            raise self.definition.error(what, "image_data_param", "rand_skip")
        for _ in range(skip):
            self._order.advance()

    def _infer(self) -> None:
        """Shapes from the first image, as DataTransformer::InferBlobShape."""
        first = self._entries[self._order.current]
        image = self._read(first)
        try:
            size = self._transform.size(*image.shape)
        except ValueError as error:
            raise self._broken(first, error) from None
        tops = self.definition.tops
        self.shapes = {tops[0]: (self._batch, *size)}
        self.shapes.update(dict.fromkeys(tops[1:], (self._batch,)))

    def _read(self, entry: ListedImage) -> Image:
        path = self.definition.path(self._p.root_folder + entry.name)
        try:
            return planes(read_image(path, self._size, self._p.is_color))
        except ValueError as error:
            raise self._broken(entry, error) from None

    def _broken(self, entry: ListedImage, error: Exception) -> NetError:
        name = self._p.root_folder + entry.name
        what = f"the image {name!r} (line {entry.line} of {self._p.source}) can't be taken: {error}"
        hint = missing_hint(entry.name)
        hint = hint or "root_folder is put before each name as it stands, its last / included"
        return self.definition.error(
            what, "image_data_param", "source", hint=hint if "no such" in str(error) else None
        )

    def plan(self) -> tuple[list[ListedImage], Draws]:
        entries = []
        for _ in range(self._batch):
            while self._is_anothers():
                self._advance()
            entries.append(self._entries[self._order.current])
            self._advance()
        return entries, self._transform.draw(self._batch)

    def _is_anothers(self) -> bool:
        definition = self.definition
        return definition.training and self._offset % definition.world != definition.rank

    def _advance(self) -> None:
        self._offset += 1
        self._order.advance()

    def make(self, planned: tuple[list[ListedImage], Draws], new: Allocate = new_array) -> Batch:
        entries, draws = planned
        images: np.ndarray[Any, np.dtype[np.float32]] | None = None
        for row, entry in enumerate(entries):
            image = self._read(entry)
            try:
                if images is None:
                    images = new((len(entries), *self._transform.size(*image.shape)))
                self._transform.apply(image, draws, row, images[row])
            except ValueError as error:
                raise self._broken(entry, error) from None
        assert images is not None
        labels = np.array([entry.label for entry in entries], np.float32)
        return dict(zip(self.definition.tops, (images, labels), strict=False))

    def mark(self) -> _Mark:
        return _Mark(self._order.mark(), self._offset, self._transform.random.mark())

    def marked(self, mark: _Mark) -> Position:
        return {
            "order": mark.order.state(),
            "offset": mark.offset,
            "random": mark.random.state(),
        }

    def go_to(self, state: Position) -> None:
        self._order.go_to(state["order"])
        self._offset = int(state["offset"])
        self._transform.random.back_to(Mark.of(state["random"]))
