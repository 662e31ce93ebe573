"""VideoData of one video file: its frames one after the other, as SSD's fork shows a video."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from protonet.data.buffers import new_array
from protonet.data.datum import Datum
from protonet.data.definition import Definition, Seeds
from protonet.data.detection.drawn import Drawn, Generators, Lottery
from protonet.data.detection.recipe import Recipe
from protonet.data.detection.record import Annotated, boxes_of
from protonet.data.detection.resizing import Resize
from protonet.data.detection.settings import TRANSFORMS, problems
from protonet.data.detection.stream import Stream, StreamMark
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.video_file import VideoFile
from protonet.schema.pool import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_KNOWN = {"video_type", "video_file", "skip_frames", "batch_size", "device_id"}
_OF_BOXES = {"distort_param", "expand_param", "emit_constraint"}
_FIELD = "video_data_param"


@dataclass(frozen=True)
class _Mark:
    passed: int
    stream: StreamMark
    own: Mark


class FilmFeed(Feed):
    """Every frame of a video file, or with skip_frames every one behind so many left out.

    To (n, 3, h, w), BGR, resized and cropped as AnnotatedData does it; all labels are 0. Behind
    the last frame there is an error, where the fork stops the process, which it also does with
    skip_frames at all. Source: VideoDataLayer of SSD's Caffe fork, which transforms each frame
    twice and so draws twice for it.
    """

    type = "VideoData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        layer = definition.layer
        self._p: Any = layer.video_data_param
        self._refuse()
        held = "data_param" if layer.HasField("data_param") else _FIELD
        self._batch = definition.batch_size(getattr(layer, held), held)
        self._resizes = [Resize.of(p) for p in layer.transform_param.resize_param]
        self._lottery = Lottery(layer, definition.training, self._resizes)
        self._recipe = Recipe(definition, self._resizes, False)
        self._random = self._generators()
        self._path = definition.readable(self._p.video_file, _FIELD, "video_file")
        self._passed = 0
        self._film = self._open()
        try:
            self._infer()
        except BaseException:
            self.close()
            raise

    def _refuse(self) -> None:
        definition, layer = self.definition, self.definition.layer
        definition.refuse_others(self._p, _KNOWN, _FIELD)
        definition.refuse_others(layer.data_param, {"batch_size", "prefetch"}, "data_param")
        known = TRANSFORMS - _OF_BOXES
        definition.refuse_others(layer.transform_param, known, "transform_param")
        resizes = layer.transform_param.resize_param
        if len(resizes) > 1:
            what = f"it takes one resize_param, not {len(resizes)}"
            raise definition.error(what, "transform_param", "resize_param", 1)
        for what, field, hint in problems(layer):
            raise definition.error(what, *field, hint=hint)

    def _generators(self) -> Generators:
        """With the seeds that the fork draws: the transformation's twice, the thread's.

        Source: DataTransformer::InitRand, InternalThread::StartInternalThread.
        """
        definition, seeds = self.definition, Seeds(self.definition)
        p = definition.layer.transform_param
        own = definition.seed + definition.rank
        if p.mirror or (definition.training and p.crop_size):
            seeds.own()
            own = seeds.own()
        thread = seeds.own()
        return Generators(Stream(thread), Random(own), Random(thread))

    def _open(self) -> VideoFile:
        with self._telling():
            return VideoFile(self._path)

    def _infer(self) -> None:
        """Shapes from the first frame, which is read again."""
        with self._telling():
            height, width = self._recipe.size(*self._film.read().shape[:2])
        self._film.close()
        self._film = self._open()
        tops = self.definition.tops
        self.shapes = {tops[0]: (self._batch, 3, height, width)}
        self.shapes.update(dict.fromkeys(tops[1:], (self._batch,)))

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Give a ValueError of the block the place of the file."""
        try:
            yield
        except ValueError as error:
            what = f"the video {self._p.video_file!r} can't be taken: {error}"
            raise self.definition.error(what, _FIELD, "video_file") from None

    def plan(self) -> list[tuple[Annotated, Drawn]]:
        """Read the frames of a batch, and draw for each. NetError behind the last."""
        planned = []
        with self._telling():
            for _ in range(self._batch):
                for _ in range(self._p.skip_frames):
                    self._next()
                item = _item(self._next())
                self._lottery.draw(item, 0, self._random)
                planned.append((item, self._lottery.draw(item, 0, self._random)))
        return planned

    def _next(self) -> NDArray[np.uint8]:
        if self._film.count and self._passed >= self._film.count:
            what = f"all {self._passed} frames of the video {self._p.video_file!r} were taken"
            hint = "test_iter times batch_size is how many frames a test takes"
            raise self.definition.error(what, _FIELD, "video_file", hint=hint)
        frame = self._film.read()
        self._passed += 1
        return frame

    def make(self, planned: list[tuple[Annotated, Drawn]], new: Allocate = new_array) -> Batch:
        images = new(self.shapes[self.definition.tops[0]])
        with self._telling():
            for row, (item, drawn) in enumerate(planned):
                self._recipe.write(self._recipe.prepare(item, drawn, 0), images[row])
        labels = np.zeros(len(planned), np.float32)
        return dict(zip(self.definition.tops, (images, labels), strict=False))

    def mark(self) -> _Mark:
        return _Mark(self._passed, self._random.stream.mark(), self._random.own.mark())

    def marked(self, mark: _Mark) -> Position:
        return {
            "passed": mark.passed,
            "stream": mark.stream.state(),
            "own": mark.own.state(),
        }

    def go_to(self, state: Position) -> None:
        self._film.close()
        self._film, self._passed = self._open(), 0
        self._film.pass_over(int(state["passed"]))
        self._passed = int(state["passed"])
        self._random.stream.go_to(state["stream"])
        self._random.own.back_to(Mark.of(state["own"]))

    def close(self) -> None:
        self._film.close()


def _item(frame: NDArray[np.uint8]) -> Annotated:
    """A frame (height, width, 3) as a record without boxes."""
    height, width, channels = frame.shape
    data = frame.transpose(2, 0, 1).tobytes()
    datum = Datum(channels, height, width, data, 0, np.empty(0, np.float32), False)
    return Annotated(datum, None, boxes_of(message("AnnotatedDatum")))
