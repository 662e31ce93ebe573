"""Batches of videos from a list, whatever their frames are read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.fitting import fit
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.rounds import Rounds, RoundsMark
from protonet.data.video_crop import VideoCrop
from protonet.data.video_list import ListedVideo
from protonet.diagnostics import NetError

Frames = NDArray[np.uint8]
C = TypeVar("C")


@dataclass(frozen=True)
class Chosen(Generic[C]):
    """A line of the list, which frames of its video are meant, and the numbers of its crop."""

    clip: ListedVideo
    frames: C
    numbers: list[int]


@dataclass(frozen=True)
class _Mark:
    rounds: RoundsMark
    frames: Mark
    random: Mark


class VideoBatches(Feed, Generic[C]):
    """What the layers for videos have in common.

    A subclass draws which frames are meant, in ``choose``, and reads them, in ``read``; its
    ``frames`` are those draws' random numbers, those of the crop are others.
    """

    type = "VideoData"
    frames: Random

    def __init__(self, definition: Definition, field: str, crop: VideoCrop) -> None:
        super().__init__(definition)
        self.field = field
        self.p: Any = getattr(definition.layer, field)
        self._batch = definition.batch_size(self.p, field)
        self._crop = crop
        self._root = ""

    def start(self, seeds: Seeds, shape: tuple[int, ...]) -> None:
        """Draw the crops' seed; a batch has videos of a ``shape``, before their crop."""
        self._random = Random(seeds.own() if self._crop.columns else 0)
        tops = self.definition.tops
        self.shapes = {tops[0]: (self._batch, *self._crop.shape(shape))}
        self.shapes.update(dict.fromkeys(tops[1:], self.labels([]).shape))
        for top in tops[1:]:
            self.shapes[top] = (self._batch, *self.shapes[top][1:])

    def rounds(self, seeds: Seeds, clips: list[ListedVideo]) -> Rounds[ListedVideo]:
        """The list's order."""
        self._rounds = Rounds(self.definition, seeds, clips, self.field)
        return self._rounds

    def choose(self, clip: ListedVideo) -> C:
        """Draw which frames of a video are meant."""
        raise AssertionError("it does not choose")

    def read(self, clip: ListedVideo, frames: C) -> Frames:
        """The frames meant, (channels, ..., height, width). ValueError where they can't be read."""
        raise AssertionError("it does not read")

    def labels(self, clips: list[ListedVideo]) -> Floats:
        """The labels of clips."""
        return np.array([clip.labels[0] for clip in clips], np.float32)

    def first(self, clip: ListedVideo, frames: C) -> Frames:
        """A clip read to learn how large a batch is. NetError where it can't be."""
        try:
            found = self.read(clip, frames)
            self._crop.shape(found.shape)
        except ValueError as error:
            raise self.broken(clip, error) from None
        return found

    def broken(self, clip: ListedVideo, error: Exception) -> NetError:
        """The error of a video that can't be taken."""
        name = self._root + clip.name
        what = f"the video {name!r} (line {clip.line} of {self.p.source}) can't be taken: {error}"
        return self.definition.error(what, self.field, "source")

    def plan(self) -> list[Chosen[C]]:
        clips = self._rounds.take(self._batch)
        columns = self._crop.columns
        numbers = self._random.raw(self._batch * columns).reshape(self._batch, columns).tolist()
        return [Chosen(c, self.choose(c), own) for c, own in zip(clips, numbers, strict=True)]

    def make(self, planned: list[Chosen[C]], new: Allocate = new_array) -> Batch:
        videos: Floats | None = None
        for row, chosen in enumerate(planned):
            try:
                frames = self.read(chosen.clip, chosen.frames)
                shape = self._crop.shape(frames.shape)
                if videos is None:
                    videos = new((len(planned), *shape))
                fit(shape, videos.shape[1:])
                self._crop.write(frames, chosen.numbers, videos[row])
            except ValueError as error:
                raise self.broken(chosen.clip, error) from None
        assert videos is not None
        labels = self.labels([chosen.clip for chosen in planned])
        return dict(zip(self.definition.tops, (videos, labels), strict=False))

    def mark(self) -> _Mark:
        return _Mark(self._rounds.mark(), self.frames.mark(), self._random.mark())

    def marked(self, mark: _Mark) -> Position:
        states = {"frames": mark.frames.state(), "random": mark.random.state()}
        return {**mark.rounds.state(), **states}

    def go_to(self, state: Position) -> None:
        self._rounds.go_to(state)
        self.frames.back_to(Mark.of(state["frames"]))
        self._random.back_to(Mark.of(state["random"]))
