"""DummyData: blobs from fillers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.fillers import check_filler, filled
from protonet.data.random import Mark, Random
from protonet.schema.pool import message
from protonet.shape import Shape

_LEGACY = ("num", "channels", "height", "width")


@feeds
class DummyFeed(Feed):
    """Each top of its shape: a constant filled once, all else filled anew for every batch.

    Source: DummyDataLayer.
    """

    type = "DummyData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._random = Random(Seeds(definition).own())
        parameter = definition.layer.dummy_data_param
        shapes = self._shapes(parameter)
        self.shapes = dict(zip(definition.tops, shapes, strict=True))
        fillers = list(parameter.data_filler) or [message("FillerParameter")]
        self._fillers = self._one_a_top("data_filler", fillers)
        for index, (filler, shape) in enumerate(zip(self._fillers, shapes, strict=True)):
            field = index if len(fillers) > 1 else 0
            check_filler(definition, filler, shape, ("dummy_data_param", "data_filler", field))

    def _shapes(self, parameter: Any) -> list[Shape]:
        if not any(len(getattr(parameter, field)) for field in _LEGACY):
            return self._one_a_top("shape", [tuple(s.dim) for s in parameter.shape])
        if len(parameter.shape):
            what = "it has shape as well as num, channels, height and width; it takes one kind"
            raise self.definition.error(what, "dummy_data_param", "shape", 0)
        sizes = [self._one_a_top(f, list(getattr(parameter, f))) for f in _LEGACY]
        return list(zip(*sizes, strict=True))

    def _one_a_top(self, field: str, given: list[Any]) -> list[Any]:
        tops = len(self.definition.tops)
        if len(given) not in (1, tops):
            what = f"{field} is given {len(given)} times for {tops} tops"
            stated = ("dummy_data_param", field, 0) if given else ("dummy_data_param",)
            raise self.definition.error(what, *stated, hint="give it once, or once a top")
        return given if len(given) == tops else given * tops

    def plan(self) -> list[NDArray[np.float32]]:
        shapes = self.shapes.values()
        pairs = zip(self._fillers, shapes, strict=True)
        return [filled(filler, shape, self._random) for filler, shape in pairs]

    def make(self, planned: list[NDArray[np.float32]], new: Allocate = new_array) -> Batch:
        return dict(zip(self.shapes, planned, strict=True))

    def mark(self) -> Mark:
        return self._random.mark()

    def marked(self, mark: Mark) -> dict[str, Any]:
        return {"random": mark.state()}

    def go_to(self, state: dict[str, Any]) -> None:
        self._random.back_to(Mark.of(state["random"]))
