"""CustomData: records of several images and a flow in one, of FlowNet's forks."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.data.buffers import new_array
from protonet.data.databases import open_reader
from protonet.data.datum import Datum, parse_datum
from protonet.data.definition import Definition
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.libc_random import LibcRandom
from protonet.data.position import Position
from protonet.data.records import Record
from protonet.diagnostics import NetError
from protonet.reading import reading
from protonet.schema.blobs import read_binaryproto

_UINT8, _FLOW, _BOOL = 1, 2, 3
_LMDB, _PERMUTE_FIRST = 1, 0
_UNKNOWN_FLOW = 32767
_KNOWN = {
    *("source", "scale", "mean_file", "batch_size", "backend", "slice_point", "encoding"),
    *("preselection_file", "preselection_label", "range_start", "range_end", "subtract"),
    *("rand_permute", "rand_permute_order", "rand_permute_seed", "permute_every_iter"),
    *("block_size", "prefetch", "verbose", "disk_reader_threads"),
}


@dataclass(frozen=True)
class _Mark:
    """The batches so far, the place in the order, the order, and the random numbers."""

    batches: int
    at: int
    order: NDArray[np.int64]
    random: list[int]


@feeds
class CustomDataFeed(Feed):
    """Slices of records in a chosen order, decoded: images, flows in 1/32 pixels, and bits.

    Records are known by their number: that whose key is the first from %08d on. Of several
    processes each takes its own records in TRAIN. Source: FlowNet2's CustomDataLayer.
    """

    type = "CustomData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p = definition.layer.data_param
        definition.refuse_others(self._p, _KNOWN, "data_param")
        self._batch = definition.batch_size(self._p, "data_param") if self._p.batch_size else 1
        path = definition.readable(self._p.source, "data_param", "source")
        if self._p.backend != _LMDB:
            what = "it reads an LMDB only, as its fork does"
            raise definition.error(what, "data_param", "backend", hint="write backend: LMDB")
        with definition.placing("data_param", "source"):
            self._reader = open_reader(path, "lmdb")
        try:
            self._keys = self._all_keys()
            self._random = LibcRandom(self._p.rand_permute_seed)
            self._order = self._chosen()
            self._at = self._batches = 0
            self._infer()
        except BaseException:
            self.close()
            raise

    def _error(self, what: str, *field: str | int) -> NetError:
        return self.definition.error(what, "data_param", *field)

    def _all_keys(self) -> list[bytes]:
        keys = []
        with self.definition.placing("data_param", "source"):
            for _ in range(self._reader.count or 0):
                keys.append(self._reader.key())
                self._reader.take(1, slice(0))
        return keys

    def _chosen(self) -> NDArray[np.int64]:
        """The records' numbers in their order: preselected, cut to a range, shuffled."""
        p = self._p
        order: NDArray[np.int64] = np.arange(len(self._keys), dtype=np.int64)
        if p.HasField("preselection_file"):
            order = self._preselected(order)
        last = len(order) - 1
        start = min(max(int(p.range_start), 0), last)
        end = int(p.range_end) if 0 <= p.range_end <= last else last
        if end < start:
            raise self._error(f"range_end {end} is before range_start {start}", "range_end")
        if p.rand_permute and p.rand_permute_order == _PERMUTE_FIRST:
            self._shuffle(order)
        order = np.array(order[start : end + 1])
        if p.rand_permute and p.rand_permute_order != _PERMUTE_FIRST:
            self._shuffle(order)
        return order

    def _preselected(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        p = self._p
        if not p.HasField("preselection_label"):
            raise self._error("preselection_file needs a preselection_label", "preselection_file")
        path = self.definition.readable(p.preselection_file, "data_param", "preselection_file")
        placing = self.definition.placing("data_param", "preselection_file")
        with placing, reading(path, "is no list of labels", None):
            labels = np.array(path.read_text(encoding="utf-8").split(), np.int64)
        if len(labels) != len(order):
            what = f"{p.preselection_file} has {len(labels)} labels for {len(order)} records"
            raise self._error(what, "preselection_file")
        found: NDArray[np.int64] = order[labels == p.preselection_label]
        if not len(found):
            what = f"{p.preselection_file} gives no record the label {p.preselection_label}"
            raise self._error(what, "preselection_label")
        return found

    def _shuffle(self, order: NDArray[np.int64]) -> None:
        """All at once, or block by block, of which the last record stays where it is."""
        size = self._p.block_size
        if not size:
            self._random.shuffle(order, 0, len(order))
            return
        for first in range(0, len(order), size):
            self._random.shuffle(order, first, min(first + size, len(order)) - 1)

    def _infer(self) -> None:
        record = self._record(0)
        datum = self._parsed(record)
        points = list(self._p.slice_point)
        tops, channels = self.definition.tops, [0, *points, datum.channels]
        self._sizes = [b - a for a, b in zip(channels, channels[1:], strict=False)]
        if min(self._sizes) < 1:
            what = f"slice_point cuts {datum.channels} channels at {', '.join(map(str, points))}"
            raise self._error(what, "slice_point", len(points) - 1)
        self._has_label = not points and len(tops) == 2
        if len(tops) != len(self._sizes) + self._has_label:
            what = f"{len(self._sizes)} slices give as many tops, not {len(tops)}"
            raise self.definition.error(what, "top", len(tops) - 1)
        self._pixels = (datum.height, datum.width)
        self._mean = self._stated_mean(datum)
        shapes = [(self._batch, n, *self._pixels) for n in self._sizes]
        shapes += [(self._batch, 1, 1, 1)] * self._has_label
        self.shapes = dict(zip(tops, shapes, strict=True))
        self._decoded(record, datum)

    def _stated_mean(self, datum: Datum) -> NDArray[np.float32] | None:
        """What is taken away from all channels, (c, h, w) or (c, 1, 1)."""
        values = np.array(self._p.subtract, np.float32)
        if self._p.mean_file:
            path = self.definition.readable(self._p.mean_file, "data_param", "mean_file")
            with self.definition.placing("data_param", "mean_file"):
                mean = read_binaryproto(path)
            mean = mean[0] if mean.ndim == 4 else mean
            if mean.shape != (datum.channels, *self._pixels):
                what = f"the mean has the shape {mean.shape}, and a record the"
                what += f" {(datum.channels, *self._pixels)}"
                raise self._error(what, "mean_file")
            return np.asarray(mean, np.float32)
        if len(values) > datum.channels:
            what = f"subtract is given {len(values)} times for {datum.channels} channels"
            raise self._error(what, "subtract", len(values) - 1)
        if not len(values):
            return None
        return np.pad(values, (0, datum.channels - len(values)))[:, None, None]

    def _record(self, index: int) -> Record:
        """The record of a number in the order."""
        number = int(self._order[index])
        at = bisect_left(self._keys, b"%08d" % number)
        if at == len(self._keys):
            raise self._error(f"the database has no key from {number:08d} on", "source")
        with self.definition.placing("data_param", "source"):
            self._reader.seek(self._keys[at], at)
            return self._reader.take(1)[0]

    def _parsed(self, record: Record) -> Datum:
        try:
            return parse_datum(record.value)
        except ValueError as error:
            raise self._broken(record, error) from None

    def _broken(self, record: Record, error: Exception) -> NetError:
        what = f"{record} of {self._p.source} can't be taken: {error}"
        return self._error(what, "source")

    def _decoded(self, record: Record, datum: Datum) -> NDArray[np.float32]:
        """The channels of a record as numbers, less the mean, times the scale."""
        try:
            image = decoded_slices(datum, self._sizes, list(self._p.encoding))
        except ValueError as error:
            raise self._broken(record, error) from None
        if image.shape != (sum(self._sizes), *self._pixels):
            what = f"it has the shape {image.shape}, and the first another"
            raise self._broken(record, ValueError(what))
        image = image if self._mean is None else image - self._mean
        return image if self._p.scale == 1 else image * np.float32(self._p.scale)

    def plan(self) -> list[Record]:
        """The next records, after a new shuffle where it is time."""
        every = self._p.permute_every_iter
        if self._batches and self._p.rand_permute and every and self._batches % every == 0:
            self._order = self._order.copy()
            self._shuffle(self._order)
        self._batches += 1
        definition = self.definition
        world = definition.world if definition.training else 1
        found = []
        for step in range(self._batch * world):
            if self._at >= len(self._order):
                self._at = 0
            if step % world == definition.rank % world:
                found.append(self._record(self._at))
            self._at += 1
        return found

    def make(self, planned: list[Record], new: Allocate = new_array) -> Batch:
        tops = [new(self.shapes[top]) for top in self.definition.tops]
        points = np.cumsum([0, *self._sizes])
        for row, record in enumerate(planned):
            datum = self._parsed(record)
            image = self._decoded(record, datum)
            for index, size in enumerate(self._sizes):
                tops[index][row] = image[points[index] : points[index] + size]
            if self._has_label:
                tops[1][row] = datum.label or 0
        return dict(zip(self.definition.tops, tops, strict=True))

    def mark(self) -> _Mark:
        return _Mark(self._batches, self._at, self._order, self._random.state())

    def marked(self, mark: _Mark) -> Position:
        order = [int(number) for number in mark.order]
        return {"batches": mark.batches, "at": mark.at, "order": order, "random": mark.random}

    def go_to(self, state: Position) -> None:
        order = np.array(state["order"], np.int64)
        if sorted(order) != sorted(self._order):
            raise ValueError("it was among other records")
        self._random.back_to(state["random"])
        self._order, self._at, self._batches = order, int(state["at"]), int(state["batches"])

    def close(self) -> None:
        self._reader.close()


def decoded_slices(datum: Datum, sizes: list[int], encodings: list[int]) -> NDArray[np.float32]:
    """The numbers of a record (c, h, w), each slice by its encoding. Source: DecodeData.

    ValueError where the bytes are more or fewer than that.
    """
    shape = (datum.channels, datum.height, datum.width)
    if len(datum.floats):
        if encodings:
            raise ValueError("it holds floats, and encoding is for bytes")
        return datum.floats.reshape(shape)
    data, at, found = np.frombuffer(datum.data, np.uint8), 0, []
    for index, channels in enumerate(sizes):
        kind = encodings[index] if index < len(encodings) else _UINT8
        count = channels * shape[1] * shape[2]
        length = {_FLOW: 2 * count, _BOOL: -(-count // 8)}.get(kind, count)
        part = data[at : at + length]
        at += length
        if kind == _BOOL and channels != 1:
            raise ValueError(f"a slice of bits has one channel, not {channels}")
        if len(part) != length:
            raise ValueError(f"it ends after {len(data)} bytes, in slice {index}")
        found.append(_numbers(part, kind, count).reshape(channels, *shape[1:]))
    if at != len(data):
        raise ValueError(f"its slices take {at} bytes, and it has {len(data)}")
    return np.concatenate(found)


def _numbers(part: NDArray[np.uint8], kind: int, count: int) -> NDArray[np.float32]:
    if kind == _BOOL:
        return np.unpackbits(part, bitorder="little")[:count].astype(np.float32)
    if kind == _FLOW:
        steps = part.view("<i2")
        return np.where(steps == _UNKNOWN_FLOW, np.nan, steps / 32).astype(np.float32)
    return part.astype(np.float32)
