"""Data with shuffle: the records of an LMDB in a new order each time round."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from protonet.data.databases import open_reader
from protonet.data.definition import Seeds
from protonet.data.lmdb_reader import LmdbReader
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.record_batches import KNOWN, DatumFeed
from protonet.data.records import EVERY, Reader, Record


class ShuffledReader:
    """A cursor over an LMDB that goes by a shuffled list of its keys."""

    def __init__(self, reader: LmdbReader, seed: int) -> None:
        self._reader = reader
        self._keys = reader.keys()
        self.order = Order(len(self._keys), seed)
        self.count: int | None = len(self._keys)

    @property
    def number(self) -> int:
        """The number, among the keys in order, of the record where it stands."""
        return self.order.current

    def current(self) -> Record:
        """The record where it stands."""
        return self._reader.fetch(self.key(), self.number)

    def take(self, count: int, wanted: slice = EVERY) -> list[Record]:
        """So many records, or of them those ``wanted``."""
        passed = []
        for _ in range(count):
            passed.append(self.order.current)
            self.order.advance()
        return [self._reader.fetch(self._keys[number], number) for number in passed[wanted]]

    def key(self) -> bytes:
        """The key where it stands."""
        return self._keys[self.number]

    def seek(self, key: bytes, number: int) -> bool:
        """Whether the database has a key of that number; its order tells where it stands."""
        return number < len(self._keys) and self._keys[number] == key

    def close(self) -> None:
        """Let go of the database."""
        self._reader.close()


@dataclass(frozen=True)
class _Mark:
    order: OrderMark
    offset: int
    random: Mark


class ShuffledFeed(DatumFeed):
    """Images and labels of an LMDB, shuffled from the first round on.

    yjxiong's fork has the same field and goes through the first round in order. Of several
    processes each takes its own records of one order. Source: DataReader::DBShuffle of Intel's
    Caffe.
    """

    type = "Data"
    known = KNOWN | {"shuffle"}

    def draw_first(self, seeds: Seeds) -> None:
        # The reader's thread has a generator of its own, whose first number is the shuffle's seed.
        self._seed = Random(seeds.common()).draw()

    def opened(self, path: Path) -> Reader:
        if not self.definition.layer.data_param.backend:
            what = "shuffle takes an LMDB, as a LevelDB can't be read but in its order"
            hint = "make an LMDB of the images: `protonet data images`"
            raise self.definition.error(what, "data_param", "shuffle", hint=hint)
        reader = open_reader(path, "lmdb")
        assert isinstance(reader, LmdbReader)
        try:
            self._shuffled = ShuffledReader(reader, self._seed)
        except BaseException:
            reader.close()
            raise
        return self._shuffled

    def first(self) -> Record:
        return self._shuffled.current()

    def mark(self) -> _Mark:  # type: ignore[override] # another kind of place
        order = self._shuffled.order.mark()
        return _Mark(order, self._offset, self._transform.random.mark())

    def marked(self, mark: _Mark) -> Position:  # type: ignore[override] # as mark gave it
        return {
            "order": mark.order.state(),
            "offset": mark.offset,
            "random": mark.random.state(),
        }

    def go_to(self, state: Position) -> None:
        self._shuffled.order.go_to(state["order"])
        self._offset = int(state["offset"])
        self._transform.random.back_to(Mark.of(state["random"]))
