"""Data: records of an LMDB or LevelDB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.buffers import new_array
from protonet.data.databases import open_reader
from protonet.data.datum import Datum, parse_datum, pixels
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.position import Position
from protonet.data.random import Mark
from protonet.data.records import Reader, Record
from protonet.data.transform import Draws, Transform
from protonet.diagnostics import NetError

_KNOWN = {
    *("source", "batch_size", "rand_skip", "backend", "prefetch", "force_encoded_color"),
    *("cache", "threads", "parser_threads"),  # of forks: how they read, not what
    "shuffle",  # of Intel's fork
}


@dataclass(frozen=True)
class _Mark:
    """The next record's key, its number since the start, and records passed in all."""

    key: bytes
    number: int
    offset: int
    random: Mark


class DatabaseFeed(Feed):
    """Images and labels from a database, in the order of its keys, round and round.

    Of several processes each takes its own records in TRAIN, and all of them in TEST. rand_skip
    starts at a random one of that many records. Source: DataLayer; its rand_skip was in Caffe
    until data parallelism came, and Caffe 1.0 passes over it.
    """

    type = "Data"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        parameter = definition.layer.data_param
        definition.refuse_others(parameter, _KNOWN, "data_param")
        if len(definition.tops) > 2:
            raise definition.error(f"it gives at most 2 tops, not {len(definition.tops)}", "top", 2)
        seeds = Seeds(definition)
        self.draw_first(seeds)
        self._batch = definition.batch_size(parameter, "data_param")
        self._transform = Transform(definition, seeds)
        self._color = True if parameter.force_encoded_color else self._transform.color
        path = definition.readable(parameter.source, "data_param", "source")
        with definition.placing("data_param", "source"):
            self._reader = self.opened(path)
        self._offset = 0
        try:
            self._skip_at_random(seeds)
            self._infer()
            self._transform.seed(seeds)
        except BaseException:
            self.close()
            raise

    def draw_first(self, seeds: Seeds) -> None:
        """Draw what a fork's reader draws before the transformation does."""

    def opened(self, path: Path) -> Reader:
        """The database, open."""
        return open_reader(path, ("leveldb", "lmdb")[self.definition.layer.data_param.backend])

    def _skip_at_random(self, seeds: Seeds) -> None:
        if not self.definition.layer.data_param.rand_skip:
            return
        skip = seeds.common() % self.definition.layer.data_param.rand_skip
        if self._reader.count is not None and skip >= self._reader.count:
            what = f"rand_skip would skip {skip} records of {self._reader.count}"
            raise self.definition.error(what, "data_param", "rand_skip")
        self._reader.take(skip, slice(0))

    def _infer(self) -> None:
        """Shapes from the first record, as DataTransformer::InferBlobShape."""
        first = self.first()
        datum = self._parsed(first)
        try:
            size = self._transform.size(*pixels(datum, self._color).shape)
        except ValueError as error:
            raise self._broken(first, error) from None
        self.shapes = {self.definition.tops[0]: (self._batch, *size)}
        self.shapes.update(dict.fromkeys(self.definition.tops[1:], (self._batch,)))

    def first(self) -> Record:
        """The record where the reader stands, and stays."""
        start = self._reader.key()
        (first,) = self._reader.take(1)
        self._reader.seek(start, first.number)
        return first

    def _broken(self, record: Record, error: Exception) -> NetError:
        name = self.definition.layer.data_param.source
        what = f"{record} of {name} can't be taken: {error}"
        return self.definition.error(what, "data_param", "source")

    def _parsed(self, record: Record) -> Datum:
        try:
            return parse_datum(record.value)
        except ValueError as error:
            raise self._broken(record, error) from None

    def plan(self) -> tuple[list[Record], Draws]:
        """Of several processes each has every so manieth record. Source: DataLayer::Skip."""
        definition = self.definition
        world = definition.world if definition.training else 1
        others = (definition.rank - self._offset) % world
        count = others + (self._batch - 1) * world + 1
        self._offset += count
        with definition.placing("data_param", "source"):
            records = self._reader.take(count, slice(others, None, world))
        return records, self._transform.draw(self._batch)

    def make(self, planned: tuple[list[Record], Draws], new: Allocate = new_array) -> Batch:
        records, draws = planned
        images: np.ndarray[Any, np.dtype[np.float32]] | None = None
        labels = np.zeros(len(records), np.float32)
        wants_label = len(self.definition.tops) > 1
        for row, record in enumerate(records):
            datum = self._parsed(record)
            try:
                image = pixels(datum, self._color)
                if images is None:
                    size = self._transform.size(*image.shape)
                    images = new((len(records), *size))
                self._transform.apply(image, draws, row, images[row])
                if wants_label:
                    labels[row] = _label(datum)
            except ValueError as error:
                raise self._broken(record, error) from None
        assert images is not None
        return dict(zip(self.definition.tops, (images, labels), strict=False))

    def mark(self) -> _Mark:
        reader = self._reader
        return _Mark(reader.key(), reader.number, self._offset, self._transform.random.mark())

    def marked(self, mark: _Mark) -> Position:
        return {
            "key": mark.key.hex(),
            "number": mark.number,
            "offset": mark.offset,
            "random": mark.random.state(),
        }

    def go_to(self, state: Position) -> None:
        key = bytes.fromhex(state["key"])
        if not self._reader.seek(key, int(state["number"])):
            shown = key.decode("utf-8", "backslashreplace")
            raise ValueError(f"the database has no key {shown!r} any more")
        self._offset = int(state["offset"])
        self._transform.random.back_to(Mark.of(state["random"]))

    def close(self) -> None:
        self._reader.close()


def _label(datum: Datum) -> int:
    if datum.label is None:
        raise ValueError("it has no label; a layer with one top takes the data alone")
    return datum.label
