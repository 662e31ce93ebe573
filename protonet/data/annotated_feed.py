"""AnnotatedData: images with boxes from an LMDB or LevelDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.databases import open_reader
from protonet.data.datum import Bytes
from protonet.data.definition import Definition, Seeds
from protonet.data.detection.boxes import Boxes
from protonet.data.detection.drawn import Drawn, Generators, Lottery
from protonet.data.detection.labels import Labels
from protonet.data.detection.masks import Masks
from protonet.data.detection.recipe import ReadyImage, Recipe
from protonet.data.detection.record import BBOX, BBOX_AND_MASK, Annotated, parse_annotated
from protonet.data.detection.resizing import Resize
from protonet.data.detection.settings import ANNOTATIONS, TRANSFORMS, problems
from protonet.data.detection.stream import Stream, StreamMark
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.records import Record

_KNOWN = {
    *("source", "batch_size", "backend", "prefetch", "rand_skip", "force_encoded_color"),
    *("cache", "threads", "parser_threads"),  # of forks: how they read, not what
}
_SHADOWED = "annotated_data_param"


@dataclass(frozen=True)
class _Mark:
    key: bytes
    number: int
    counts: tuple[int, int, int]  # records passed, batches, the resize_param
    stream: StreamMark
    own: Mark
    orders: Mark


@dataclass(frozen=True, eq=False)
class AnnotatedPlan:
    """The records of a batch, what they hold, and what was drawn for each."""

    records: list[Record]
    items: list[Annotated]
    drawn: list[Drawn]
    policy: int


@feeds
class AnnotatedFeed(Feed):
    """Images and their boxes from a database, in the order of its keys, round and round.

    A random_seed gives the windows, mirrors and sizes that the fork draws with it, except for the
    order of channels. Of several processes each takes its own records in TRAIN.
    Source: AnnotatedDataLayer, DataReader.
    """

    type = "AnnotatedData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        layer = definition.layer
        self._refuse()
        self._batch = definition.batch_size(layer.data_param, "data_param")
        resizes = [Resize.of(p) for p in layer.transform_param.resize_param]
        self._resizes = resizes
        self._lottery = self.lottery(resizes)
        self._recipe = Recipe(definition, resizes, self._lottery.beyond)
        self._labels = self.labels()
        path = definition.readable(layer.data_param.source, "data_param", "source")
        self._masks = self._masks_of() if len(definition.tops) > 2 else None
        self._random = self._generators()
        self._offset = self._number = self._policy = 0
        with definition.placing("data_param", "source"):
            self._reader = open_reader(path, ("leveldb", "lmdb")[layer.data_param.backend])
        try:
            self._infer()
        except BaseException:
            self.close()
            raise

    def labels(self) -> Labels:
        """How the boxes stand in the second top."""
        return Labels.of(self.definition.layer.annotated_data_param)

    def lottery(self, resizes: list[Resize]) -> Lottery:
        """What draws for the layer's images."""
        return Lottery(self.definition.layer, self.definition.training, resizes)

    def _refuse(self) -> None:
        """NetError of the first field that can't be followed."""
        definition, layer = self.definition, self.definition.layer
        definition.refuse_others(layer.data_param, _KNOWN, "data_param")
        definition.refuse_others(layer.transform_param, TRANSFORMS, "transform_param")
        definition.refuse_others(layer.annotated_data_param, ANNOTATIONS, _SHADOWED)
        if len(definition.tops) > 3:
            raise definition.error(f"it gives at most 3 tops, not {len(definition.tops)}", "top", 3)
        for what, field, hint in problems(layer):
            raise definition.error(what, *field, hint=hint)

    def _masks_of(self) -> Masks:
        p = self.definition.layer.annotated_data_param
        if p.single_class:
            return Masks(p, None)
        path = self.definition.readable(p.label_map_file, _SHADOWED, "label_map_file")
        with self.definition.placing(_SHADOWED, "label_map_file"):
            return Masks(p, path)

    def _generators(self) -> Generators:
        """With the seeds that the fork draws: the reader's, the transformation's twice, its own.

        Source: InternalThread::StartInternalThread, DataTransformer::InitRand.
        """
        definition, seeds = self.definition, Seeds(self.definition)
        p = definition.layer.transform_param
        seeds.own()
        own = definition.seed + definition.rank
        if p.mirror or (definition.training and p.crop_size):
            seeds.own()
            own = seeds.own()
        thread = seeds.own()
        return Generators(Stream(thread), Random(own), Random(thread))

    def _infer(self) -> None:
        """Shapes from the first record, as DataTransformer::InferBlobShape."""
        start = self._reader.key()
        (first,) = self._reader.take(1)
        self._reader.seek(start, first.number)
        with self._telling(first):
            item = self.parse(first.value)
            image = self._recipe.image(item)
            height, width = self._recipe.size(*image.shape[:2])
        self._type = self._type_of(item)
        channels = image.shape[2] if image.ndim == 3 else 1
        shapes: list[tuple[int, ...]] = [(self._batch, channels, height, width)]
        shapes.append(self.told_shape(item))
        if self._masks is not None:
            shapes.append(self._masks.shape(self._batch, height, width))
        self.shapes = dict(zip(self.definition.tops, shapes, strict=False))

    def _type_of(self, first: Annotated) -> int | None:
        """What the records hold; None for a label each. NetError where that is neither."""
        p, kind = self.definition.layer.annotated_data_param, first.type
        if p.HasField("anno_type"):
            kind = p.anno_type
        if kind in (None, BBOX, BBOX_AND_MASK):
            return kind
        what = f"anno_type {kind} is neither boxes nor boxes with masks"
        raise self.definition.error(what, _SHADOWED, "anno_type")

    @contextmanager
    def _telling(self, record: Record) -> Iterator[None]:
        """Give a ValueError of the block the record and the place of the database."""
        try:
            yield
        except ValueError as error:
            name = self.definition.layer.data_param.source
            what = f"{record} of {name} can't be taken: {error}"
            raise self.definition.error(what, "data_param", "source") from None

    def plan(self) -> AnnotatedPlan:
        """Read on, and draw for each image in turn. Source: AnnotatedDataLayer::load_batch."""
        definition = self.definition
        world = definition.world if definition.training else 1
        others = (definition.rank - self._offset) % world
        count = others + (self._batch - 1) * world + 1
        self._offset += count
        with definition.placing("data_param", "source"):
            records = self._reader.take(count, slice(others, None, world))
        self._policy = self._lottery.policy(self._number, self._policy, self._random.stream)
        self._number += 1
        items, drawn = [], []
        for record in records:
            with self._telling(record):
                items.append(self.parse(record.value))
                drawn.append(self._lottery.draw(items[-1], self._policy, self._random))
        return AnnotatedPlan(records, items, drawn, self._policy)

    def make(self, planned: AnnotatedPlan, new: Allocate = new_array) -> Batch:
        boxes: list[Boxes] = []
        arrays: list[Floats] = []
        rows = zip(planned.records, planned.items, planned.drawn, strict=True)
        for row, (record, item, drawn) in enumerate(rows):
            with self._telling(record):
                ready = self._recipe.prepare(item, drawn, planned.policy)
                arrays = arrays or self._arrays(ready, new)
                self._recipe.write(ready, arrays[0][row])
                if self._masks is not None:
                    self._masks.write(item.mask, drawn.window, drawn.mirror, arrays[1][row])
                self._check(item, ready)
            boxes.append(ready.boxes)
        if len(self.definition.tops) > 1:
            arrays.insert(1, self.told(planned, boxes))
        return dict(zip(self.definition.tops, arrays, strict=True))

    def _arrays(self, first: ReadyImage, new: Allocate) -> list[Floats]:
        """The images of a batch of such, and their masks."""
        height, width, *channels = first.image.shape
        arrays = [new((self._batch, *(channels or [1]), height, width))]
        if self._masks is not None:
            arrays.append(new(self._masks.shape(self._batch, height, width)))
        return arrays

    def _check(self, item: Annotated, ready: ReadyImage) -> None:
        """ValueError where a record has not what the second top takes."""
        if len(self.definition.tops) < 2:
            return
        if self._type is None:
            if item.datum.label is None:
                raise ValueError("it has no label; a layer with one top takes the data alone")
            return
        if item.type is None:
            raise ValueError("it states no type, and others say that they hold boxes")
        stated = self.definition.layer.annotated_data_param.HasField("anno_type")
        if item.type != self._type and not stated:
            raise ValueError(f"it is of the type {item.type}, and the first of {self._type}")
        self._labels.check(ready.boxes)

    def parse(self, value: Bytes) -> Annotated:
        """A record's fields. ValueError where it is none."""
        return parse_annotated(value)

    def told_shape(self, first: Annotated) -> tuple[int, ...]:
        """The shape of the second top, of a batch that begins with that image."""
        boxed = self._labels.shape(self._batch, len(first.boxes))
        return (self._batch,) if self._type is None else boxed

    def told(self, planned: AnnotatedPlan, boxes: list[Boxes]) -> Floats:
        """The second top: the boxes of a batch, or a label an image."""
        if self._type is None:
            return np.array([item.datum.label for item in planned.items], np.float32)
        return self._labels.made(boxes)

    def mark(self) -> _Mark:
        reader, given = self._reader, self._random
        return _Mark(
            reader.key(),
            reader.number,
            (self._offset, self._number, self._policy),
            given.stream.mark(),
            given.own.mark(),
            given.orders.mark(),
        )

    def marked(self, mark: _Mark) -> Position:
        return {
            "key": mark.key.hex(),
            "number": mark.number,
            "counts": list(mark.counts),
            "stream": mark.stream.state(),
            "own": mark.own.state(),
            "orders": mark.orders.state(),
        }

    def go_to(self, state: Position) -> None:
        key = bytes.fromhex(state["key"])
        if not self._reader.seek(key, int(state["number"])):
            shown = key.decode("utf-8", "backslashreplace")
            raise ValueError(f"the database has no key {shown!r} any more")
        offset, number, policy = (int(n) for n in state["counts"])
        if not 0 <= policy < max(1, len(self.definition.layer.transform_param.resize_param)):
            raise ValueError(f"it stood at the resize_param {policy}")
        self._offset, self._number, self._policy = offset, number, policy
        self._random.stream.go_to(state["stream"])
        self._random.own.back_to(Mark.of(state["own"]))
        self._random.orders.back_to(Mark.of(state["orders"]))

    def close(self) -> None:
        self._reader.close()
