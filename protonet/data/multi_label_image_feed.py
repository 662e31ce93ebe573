"""MultiLabelImageData: image files from a list, with a row of labels each."""

from __future__ import annotations

from pathlib import Path

from protonet.data.definition import Definition
from protonet.data.feed import feeds
from protonet.data.image_feed import ImageFeed
from protonet.data.multi_label_list import LabelledImage, read_labels


@feeds
class MultiLabelImageFeed(ImageFeed):
    """Image files of a list with their rows of labels, in its order or shuffled each time round.

    Its face_transform draws from the clock, so it is refused. Source: MultiLabelImageDataLayer of
    happynear's fork.
    """

    type = "MultiLabelImageData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        if len(definition.tops) > 2:
            raise definition.error(f"it gives at most 2 tops, not {len(definition.tops)}", "top", 2)

    def listed(self, path: Path) -> list[LabelledImage]:
        return read_labels(path)
