"""YoloAnnotatedData: images with boxes for YOLO, of yuqj1991's fork."""

from __future__ import annotations

from dataclasses import replace

from protonet.data.annotated_feed import AnnotatedFeed
from protonet.data.definition import Definition
from protonet.data.detection.drawn import Lottery
from protonet.data.detection.labels import Labels
from protonet.data.detection.resizing import Resize
from protonet.data.detection.yolo_form import YoloLottery, as_annotated
from protonet.data.feed import feeds


@feeds
class YoloAnnotatedFeed(AnnotatedFeed):
    """AnnotatedData's images and boxes, without the difficult ones in the table of YOLO.

    Source: YoloAnnotatedDataLayer of yuqj1991's caffe_train, which is in its history.
    """

    type = "YoloAnnotatedData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(replace(definition, layer=as_annotated(definition.layer)))

    def labels(self) -> Labels:
        return Labels(self.definition.layer.annotated_data_param.yolo_data_type == 1, False)

    def lottery(self, resizes: list[Resize]) -> Lottery:
        return YoloLottery(self.definition.layer, self.definition.training, resizes)
