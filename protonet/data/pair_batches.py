"""Batches of images with their maps of labels, from a list of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Array, Floats
from protonet.data.buffers import new_array
from protonet.data.datum import planes
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.fitting import fit
from protonet.data.image_decode import Image
from protonet.data.image_files import Size, read_image
from protonet.data.label_map import read_label_map
from protonet.data.pair_list import PIXEL, Pair, read_pairs
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.rounds import Rounds, RoundsMark
from protonet.diagnostics import NetError


class Planned(NamedTuple):
    """The pairs of a batch and, a row each, their random numbers."""

    pairs: list[Pair]
    numbers: NDArray[np.uint32]


@dataclass(frozen=True)
class _Mark:
    rounds: RoundsMark
    random: Mark


class PairFeed(Feed):
    """What the data layers for segmentation have in common.

    A subclass gives ``field``, its parameter's name, ``columns``, how many random numbers an item
    takes, and what it makes of a pair; ``boxed`` says that its list has a window for each. Batches
    are (n, c, h, w) and (n, 1, h, w); without a crop or a size a batch of one image is as large as
    that image.
    """

    field: ClassVar[str]
    columns: int

    boxed: ClassVar[bool] = False

    def __init__(self, definition: Definition, batch: int, kind: str = PIXEL) -> None:
        super().__init__(definition)
        self._p: Any = getattr(definition.layer, self.field)
        self._batch = batch
        self._root = ""
        path = definition.readable(self._p.source, self.field, "source")
        with definition.placing(self.field, "source"):
            self._pairs = read_pairs(path, kind, self.boxed)

    def start(self, seeds: Seeds, seed: int | None = None) -> None:
        """Take up the list's order and look at the first pair, whose shapes are the batch's."""
        self._rounds = Rounds(self.definition, seeds, self._pairs, self.field, seed)
        self._random = Random(seeds.own())
        first = self._rounds.current
        with self._placing(first):
            image, labels = self.first(*self.window(first, *self.read(first)))
        shapes = (self._batch, *planes(image).shape), (self._batch, 1, *labels.shape)
        self.shapes = dict(zip(self.definition.tops, shapes, strict=False))

    def read(self, pair: Pair) -> tuple[Image, Image]:
        """The image (h, w) or (h, w, 3) of a pair and its labels (h, w). ValueError if it can't."""
        raise AssertionError(f"{self.type} does not read")

    def window(self, pair: Pair, image: Image, labels: Image) -> tuple[Image, Image]:
        """The part of a pair that is looked at; all of it, unless a subclass says otherwise."""
        return image, labels

    def cut(self, image: Image, labels: Image, numbers: list[int]) -> tuple[Image, Image]:
        """What becomes of an image and its labels by an item's random numbers."""
        raise AssertionError(f"{self.type} does not cut")

    def write(self, image: Array, out: Floats) -> None:
        """Write (channels, h, w) pixels as values."""
        raise AssertionError(f"{self.type} does not write")

    def first(self, image: Image, labels: Image) -> tuple[Image, Image]:
        """A pair as large as a batch's; what is drawn is drawn as zero."""
        return self.cut(image, labels, [0] * self.columns)

    def image_file(self, pair: Pair, size: Size, color: bool) -> Image:
        """The image of a pair."""
        return read_image(self.definition.path(self._root + pair.image), size, color)

    def label_file(self, pair: Pair) -> Image:
        """The map of labels of a pair. ValueError, with its name, where it can't be read."""
        name = self._root + str(pair.labels)
        try:
            return read_label_map(self.definition.path(name))
        except ValueError as error:
            raise ValueError(f"its map of labels {name!r}: {error}") from None

    def _placing(self, pair: Pair) -> _Placing:
        return _Placing(self, pair)

    def broken(self, pair: Pair, error: Exception) -> NetError:
        """The error of a pair that can't be taken."""
        name = self._root + pair.image
        what = f"the image {name!r} (line {pair.line} of {self._p.source}) can't be taken: {error}"
        hint = "root_folder is put before each name as it stands, its last / included"
        return self.definition.error(
            what, self.field, "source", hint=hint if "no such" in str(error) else None
        )

    def plan(self) -> Planned:
        raw = self._random.raw(self._batch * self.columns)
        return Planned(self._rounds.take(self._batch), raw.reshape(self._batch, self.columns))

    def make(self, planned: Planned, new: Allocate = new_array) -> Batch:
        images: Floats | None = None
        labels: Floats | None = None
        sizes = []
        for row, pair in enumerate(planned.pairs):
            with self._placing(pair):
                whole, its = self.read(pair)
                sizes.append(whole.shape[:2])
                image, its = self.window(pair, whole, its)
                image, its = self.cut(image, its, planned.numbers[row].tolist())
                shape = planes(image).shape
                if images is None or labels is None:
                    images = new((len(planned.pairs), *shape))
                    labels = new((len(planned.pairs), 1, *its.shape))
                fit(shape, images.shape[1:])
                fit(its.shape, labels.shape[2:], "its map of labels")
                self.write(planes(image), images[row])
                labels[row, 0] = its
        assert images is not None
        assert labels is not None
        more = self.more(sizes, images)
        return dict(zip(self.definition.tops, (images, labels, *more), strict=False))

    def more(self, sizes: list[tuple[int, ...]], images: Floats) -> tuple[Floats, ...]:
        """What a batch has besides, from the sizes of its images as they were read."""
        return ()

    def mark(self) -> _Mark:
        return _Mark(self._rounds.mark(), self._random.mark())

    def marked(self, mark: _Mark) -> Position:
        return {**mark.rounds.state(), "random": mark.random.state()}

    def go_to(self, state: Position) -> None:
        self._rounds.go_to(state)
        self._random.back_to(Mark.of(state["random"]))


class _Placing:
    """A ValueError of the block as the error of a pair."""

    def __init__(self, feed: PairFeed, pair: Pair) -> None:
        self._feed, self._pair = feed, pair

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ValueError):
            raise self._feed.broken(self._pair, error) from None
