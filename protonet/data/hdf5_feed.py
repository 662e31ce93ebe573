"""HDF5Data: rows of the data sets of HDF5 files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.hdf5_file import Hdf5, open_hdf5
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.reading import reading

_UNWRITTEN = 1 << 24
_SHOWN = 8
Rows = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class _Mark:
    """Where it stands: the order of the files, that of the file's rows, and rows passed."""

    files: OrderMark
    rows: OrderMark
    offset: int


@feeds
class HDF5Feed(Feed):
    """Rows of the data sets named like the tops, file after file, one file in memory at a time.

    With shuffle the files come in a new order each time round, and so do the rows of each file.
    Source: HDF5DataLayer.
    """

    type = "HDF5Data"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        parameter = definition.layer.hdf5_data_param
        if definition.layer.HasField("transform_param"):
            what = "it takes data as they are and has no transform_param"
            raise definition.error(what, "transform_param")
        self._batch = definition.batch_size(parameter, "hdf5_data_param")
        self._names = self._listed(parameter.source)
        seed = Seeds(definition).common() if parameter.shuffle else None
        self._files = Order(len(self._names), seed)
        self._load(self._files.current)
        self._rows = Order(self._count, None if seed is None else seed + 1)
        self._offset = 0
        self.shapes = {top: (self._batch, *rows.shape[1:]) for top, rows in self._data.items()}

    def _listed(self, name: str) -> list[str]:
        """The files that the source lists, one a line."""
        path = self.definition.readable(name, "hdf5_data_param", "source")
        hint = "source names a text file with the path of one HDF5 file a line"
        place = self.definition.placing("hdf5_data_param", "source")
        with place, reading(path, "is no list of HDF5 files", hint):
            names = path.read_text(encoding="utf-8").split()
        if not names:
            what = f"the list {name!r} names no HDF5 file"
            raise self.definition.error(what, "hdf5_data_param", "source")
        self._list = path
        return names

    def _load(self, index: int) -> None:
        """Read one file whole, as HDF5DataLayer::LoadHDF5FileData."""
        name = self._names[index]
        with self.definition.placing(
            "hdf5_data_param", "source", of=f"line {index + 1} of the list"
        ):
            file = open_hdf5(self.definition.path(name, self._list.parent), "an HDF5Data layer")
            try:
                rows = {top: self._read(file, name, top) for top in self.definition.tops}
            finally:
                file.close()
        self._check(name, rows)
        self._data = rows
        self._count = len(next(iter(rows.values())))

    def _read(self, file: Hdf5, name: str, top: str) -> NDArray[np.float32]:
        kept = file.find(file.root, top)
        if not file.is_array(kept):
            index = self.definition.tops.index(top)
            hint = f"the file has {', '.join(file.names(file.root)[:_SHOWN]) or 'none'}"
            what = f"the HDF5 file {name!r} has no data set {top!r}"
            raise self.definition.error(what, "top", index, hint=hint)
        values = file.read(f"the data set {top!r}", kept, unwritten=_UNWRITTEN)
        if not values.ndim:
            what = f"the data set {top!r} of {name!r} holds one number, no rows"
            raise self.definition.error(what, "hdf5_data_param", "source")
        with np.errstate(over="ignore"):  # doubles too large are infinite, as HDF5 itself converts
            return np.asarray(values, dtype=np.float32)

    def _check(self, name: str, rows: Rows) -> None:
        """NetError where tops disagree on the number of rows, or files on the shape of one."""
        counts = {top: len(values) for top, values in rows.items()}
        if len(set(counts.values())) > 1 or not min(counts.values()):
            shown = ", ".join(f"{top} {count}" for top, count in counts.items())
            what = f"the data sets of {name!r} must have one number of rows, not 0; they have "
            raise self.definition.error(what + shown, "hdf5_data_param", "source")
        for top, values in rows.items():
            wanted = self.shapes.get(top, (0, *values.shape[1:]))[1:]
            if values.shape[1:] != wanted:
                what = f"a row of {top!r} has the shape {values.shape[1:]} in {name!r}, "
                what += f"but {wanted} in the file before it"
                raise self.definition.error(what, "hdf5_data_param", "source")

    def plan(self) -> list[tuple[Rows, list[int]]]:
        taken: list[tuple[Rows, list[int]]] = []
        for _ in range(self._batch):
            while self._is_anothers():
                self._advance()
            if not taken or taken[-1][0] is not self._data:
                taken.append((self._data, []))
            taken[-1][1].append(self._rows.current)
            self._advance()
        return taken

    def make(self, planned: list[tuple[Rows, list[int]]], new: Allocate = new_array) -> Batch:
        return {
            top: np.concatenate([data[top][rows] for data, rows in planned]) for top in self.shapes
        }

    def _is_anothers(self) -> bool:
        """Whether the row belongs to another process. Source: HDF5DataLayer::Skip."""
        definition = self.definition
        return definition.training and self._offset % definition.world != definition.rank

    def _advance(self) -> None:
        """Go one row on, at the end of a file to the next. Source: HDF5DataLayer::Next."""
        self._offset += 1
        if not self._rows.advance() or len(self._names) == 1:
            return
        self._files.advance()
        self._load(self._files.current)
        self._rows.resize(self._count)

    def mark(self) -> _Mark:
        return _Mark(self._files.mark(), self._rows.mark(), self._offset)

    def marked(self, mark: _Mark) -> Position:
        return {"files": mark.files.state(), "rows": mark.rows.state(), "offset": mark.offset}

    def go_to(self, state: Position) -> None:
        self._files.go_to(state["files"])
        self._load(self._files.current)
        self._rows.resize(self._count)
        self._rows.go_to(state["rows"])
        self._offset = int(state["offset"])
