"""What is drawn at random for each image of an AnnotatedData layer, in the order of SSD's fork."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.detection.anchor_sampler import AnchorSampler
from protonet.data.detection.box_sampler import BoxSampler, Zoom
from protonet.data.detection.boxes import Boxes, Emit, cut
from protonet.data.detection.cropping import cropped_size
from protonet.data.detection.distortion import Distortion, draw_distortion
from protonet.data.detection.expansion import Expansion, draw_expansion
from protonet.data.detection.noise import draw_specks
from protonet.data.detection.record import Annotated
from protonet.data.detection.resizing import FIT_LARGE, Resize
from protonet.data.detection.samplers import BatchSampler, EdgeJitter, Jitter, Sampler
from protonet.data.detection.settings import crop_of, is_of_yolo
from protonet.data.detection.source import image_size
from protonet.data.detection.stream import Stream
from protonet.data.random import Random
from protonet.schema.pool import Message

_CROP_BATCH, _CROP_JITTER, _CROP_ANCHOR, _CROP_GT_BBOX = 0, 1, 2, 3
_MOST_AHEAD = 10  # batches between two choices of a resize_param


@dataclass(frozen=True, eq=False)
class Drawn:
    """What was drawn for one image; ``window`` is None where all of it is taken.

    ``zoom`` is the size that it is brought to before that, where that is another. ``place`` are
    numbers of 32 bits that say where the crop lies.
    """

    changes: list[Distortion]
    expansion: Expansion | None
    zoom: Zoom | None
    window: Floats | None
    way: int
    specks: NDArray[np.int64] | None
    mirror: bool
    place: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Generators:
    """Where the numbers come from: the prefetching thread's, the transformation's, the channels'.

    The order of channels is the C library's in the fork, which no seed of Caffe's sets.
    """

    stream: Stream
    own: Random
    orders: Random


class Lottery:
    """Draws what a layer's fields ask for. Source: AnnotatedDataLayer::load_batch."""

    def __init__(self, layer: Message, training: bool, resizes: list[Resize]) -> None:
        self.p: Message = layer.transform_param
        self._resizes = resizes
        self._emit = Emit.of(self.p)
        self._crops = training and any(crop_of(self.p))
        self._color = bool(self.p.force_color) if self.p.force_color or self.p.force_gray else None
        self._masks = len(layer.top) > 2
        parameter = layer.annotated_data_param
        kind = parameter.crop_type if parameter.HasField("crop_type") else None
        self.beyond = kind in (_CROP_ANCHOR, _CROP_GT_BBOX)
        self._samplers = [samplers_of(layer, one) for one in (resizes or (None,))]
        self._by_box = [
            BoxSampler.of(parameter.bbox_sampler, (one.height, one.width))
            for one in (resizes if kind == _CROP_GT_BBOX else ())
        ]

    def policy(self, batch: int, last: int, stream: Stream) -> int:
        """Which of several resize_param a batch takes, chosen anew at every tenth."""
        if len(self._resizes) < 2 or batch % _MOST_AHEAD:
            return last
        return stream.weighted([p.prob for p in self.p.resize_param])

    def draw(self, item: Annotated, policy: int, given: Generators) -> Drawn:
        """For one image. ValueError where the record can't be taken."""
        p, stream = self.p, given.stream
        changes: list[Distortion] = []
        if p.HasField("distort_param"):
            changes = draw_distortion(p.distort_param, stream, given.orders)
        expansion, boxes = self._expansion(item, stream)

        def size() -> tuple[int, int]:
            if expansion is not None:
                return expansion.height, expansion.width
            return image_size(item.datum, self._color)

        zoom, window = self._window(stream, boxes, size, policy)
        mirror = bool(p.mirror and given.own.draw() % 2)
        way = self._resizes[policy].way(stream) if self._resizes else 0
        specks = None
        if p.noise_param.saltpepper:
            shown = (zoom.height, zoom.width) if zoom else size()
            specks = draw_specks(p.noise_param, stream, *self._resized(shown, window, policy))
        place = (given.own.draw(), given.own.draw()) if self._crops else (0, 0)
        if self._masks and p.mirror:
            given.own.draw()
        return Drawn(changes, expansion, zoom, window, way, specks, mirror, place)

    def _window(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]], policy: int
    ) -> tuple[Zoom | None, Floats | None]:
        """What of the image is cut out, and the size that it has then."""
        if self._by_box:
            return self._by_box[policy].window(stream, boxes, size())
        windows: list[Floats] = []
        for sampler in self._samplers[policy]:
            windows += sampler.windows(stream, boxes, size)
        return None, windows[stream.draw() % len(windows)] if windows else None

    def _expansion(self, item: Annotated, stream: Stream) -> tuple[Expansion | None, Boxes]:
        """The canvas, and the boxes on it."""
        if not self.p.HasField("expand_param"):
            return None, item.boxes
        size = image_size(item.datum, self._color)
        expansion = draw_expansion(self.p.expand_param, stream, *size)
        if expansion is None:
            return None, item.boxes
        return expansion, cut(item.boxes, expansion.window(*size), self._emit)

    def _resized(
        self, size: tuple[int, int], window: Floats | None, policy: int
    ) -> tuple[int, int]:
        """The size of the image when noise is added."""
        if window is not None:
            size = cropped_size(*size, window, self.beyond)
        if not self._resizes:
            return size
        resize = self._resizes[policy]
        return (resize.height, resize.width) if resize.mode == FIT_LARGE else resize.size(*size)


def samplers_of(layer: Message, resize: Resize | None) -> list[Sampler]:
    """What windows are sampled by, with a resize_param. Source: the forks' load_batch."""
    p = layer.annotated_data_param
    batch: list[Sampler] = [BatchSampler.of(one) for one in p.batch_sampler]
    if p.HasField("crop_type"):
        if p.crop_type == _CROP_JITTER:
            return [EdgeJitter()]
        if p.crop_type == _CROP_ANCHOR and p.HasField("data_anchor_sampler") and resize:
            return [AnchorSampler.of(p.data_anchor_sampler, resize.height)]
        return batch if p.crop_type == _CROP_BATCH else []
    if not batch and is_of_yolo(layer) and p.yolo_data_jitter:
        return [Jitter(p.yolo_data_jitter, bool(resize and resize.mode == FIT_LARGE))]
    return batch
