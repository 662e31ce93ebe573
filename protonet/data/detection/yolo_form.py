"""YoloAnnotatedData of yuqj1991's fork in the words of AnnotatedData, and what it draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from protonet.arrays import Floats
from protonet.data.detection.boxes import Boxes
from protonet.data.detection.drawn import Lottery
from protonet.data.detection.resizing import Resize
from protonet.data.detection.samplers import BatchSampler, Sampler
from protonet.data.detection.stream import Stream
from protonet.schema.pool import Message


def as_annotated(layer: Message) -> Message:
    """The layer with its resize_param_yolo as resize_param, or as it is."""
    if layer.type != "YoloAnnotatedData":
        return layer
    made = type(layer)()
    made.CopyFrom(layer)
    transform = made.transform_param
    transform.resize_param.extend(transform.resize_param_yolo)
    transform.ClearField("resize_param_yolo")
    return made


@dataclass(frozen=True)
class PlainJitter:
    """A window of at least 1 - amount of the image's width and height, each by itself.

    Source: GenerateJitterSamples beside YoloAnnotatedDataLayer.
    """

    amount: float

    def windows(
        self, stream: Stream, boxes: Boxes, size: Callable[[], tuple[int, int]]
    ) -> list[Floats]:
        """One window."""
        least = float(np.float32(1) - np.float32(self.amount))
        width, height = stream.uniform(least, 1), stream.uniform(least, 1)
        left = stream.uniform(0, max(float(np.float32(1) - width), 0))
        top = stream.uniform(0, max(float(np.float32(1) - height), 0))
        return [np.array([left, top, left + width, top + height], np.float32)]


class YoloLottery(Lottery):
    """A resize_param for each batch, and a window for each image. Source: load_batch."""

    def __init__(self, layer: Message, training: bool, resizes: list[Resize]) -> None:
        super().__init__(layer, training, resizes)
        p = layer.annotated_data_param
        samplers: list[Sampler] = [BatchSampler.of(one) for one in p.batch_sampler]
        if p.yolo_data_type:
            samplers = [PlainJitter(p.yolo_data_jitter)]
        self._samplers = [samplers] * max(1, len(resizes))

    def policy(self, batch: int, last: int, stream: Stream) -> int:
        if not self._resizes:
            return 0
        return stream.weighted([p.prob for p in self.p.resize_param])
