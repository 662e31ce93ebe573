"""ImageData: image files from a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.buffers import new_array
from protonet.data.datum import planes
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.image_decode import Image
from protonet.data.image_files import Size, read_image
from protonet.data.image_list import ListEntry, missing_hint, read_list
from protonet.data.position import Position
from protonet.data.random import Mark
from protonet.data.rounds import Rounds, RoundsMark
from protonet.data.transform import Draws, Transform
from protonet.data.wanted_size import wanted_size
from protonet.diagnostics import NetError

_KNOWN = {
    *("source", "batch_size", "rand_skip", "shuffle", "new_height", "new_width"),
    *("is_color", "root_folder"),
    *("new_dim", "bicubic"),  # of yihui-he's fork
    *("cache", "precache", "threads"),  # of forks: how they read, not what
}


@dataclass(frozen=True)
class _Mark:
    rounds: RoundsMark
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
        self._rounds = Rounds(definition, seeds, self._listed(), "image_data_param")
        self._infer()
        self._transform.seed(seeds)

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        if not definition.layer.image_data_param.HasField("sample_num"):
            return cls(definition)
        from protonet.data.class_images import ClassImageFeed

        return ClassImageFeed(definition)

    def _wanted_size(self) -> Size:
        size, short = wanted_size(self.definition, "image_data_param"), self._p.new_dim
        if short and size[0]:
            what = "new_dim and new_height with new_width exclude each other"
            raise self.definition.error(what, "image_data_param", "new_dim")
        return Size(*size, short_side=short, cubic=bool(short and self._p.bicubic))

    def _listed(self) -> Sequence[ListEntry]:
        path = self.definition.readable(self._p.source, "image_data_param", "source")
        with self.definition.placing("image_data_param", "source"):
            return self.listed(path)

    def listed(self, path: Path) -> Sequence[ListEntry]:
        """The entries of the list at a path, each with a name and its line."""
        return read_list(path)

    def _infer(self) -> None:
        """Shapes from the first image, as DataTransformer::InferBlobShape."""
        first = self._rounds.current
        image = self._read(first)
        try:
            size = self._transform.size(*image.shape)
        except ValueError as error:
            raise self._broken(first, error) from None
        tops = self.definition.tops
        self.shapes = {tops[0]: (self._batch, *size)}
        labels = (self._batch, *np.shape(first.label))
        self.shapes.update(dict.fromkeys(tops[1:], labels))

    def _read(self, entry: ListEntry) -> Image:
        path = self.definition.path(self._p.root_folder + entry.name)
        try:
            return planes(read_image(path, self._size, self._p.is_color))
        except ValueError as error:
            raise self._broken(entry, error) from None

    def _broken(self, entry: ListEntry, error: Exception) -> NetError:
        name = self._p.root_folder + entry.name
        what = f"the image {name!r} (line {entry.line} of {self._p.source}) can't be taken: {error}"
        hint = missing_hint(entry.name)
        hint = hint or "root_folder is put before each name as it stands, its last / included"
        return self.definition.error(
            what, "image_data_param", "source", hint=hint if "no such" in str(error) else None
        )

    def plan(self) -> tuple[list[ListEntry], Draws]:
        return self._rounds.take(self._batch), self._transform.draw(self._batch)

    def make(self, planned: tuple[list[ListEntry], Draws], new: Allocate = new_array) -> Batch:
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
        return _Mark(self._rounds.mark(), self._transform.random.mark())

    def marked(self, mark: _Mark) -> Position:
        return {**mark.rounds.state(), "random": mark.random.state()}

    def go_to(self, state: Position) -> None:
        self._rounds.go_to(state)
        self._transform.random.back_to(Mark.of(state["random"]))
