"""WindowSegData: windows of images with their maps of labels from a list, as DeconvNet trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from protonet.data.extras import need
from protonet.data.feed import feeds
from protonet.data.image_decode import MOST_PIXELS, Image
from protonet.data.image_seg_feed import ImageSegFeed
from protonet.data.pair_list import Pair
from protonet.reading import taking


@feeds
class WindowSegFeed(ImageSegFeed):
    """What ImageSegData gives, of the window that each line of the list names after the files.

    What of a window lies outside its image is black, and its labels are the ignored one. The third
    top holds the height and the width of the whole image, at most the batch's. Source:
    WindowSegDataLayer of HyeonwooNoh's Caffe fork.
    """

    type = "WindowSegData"
    boxed = True

    def read(self, pair: Pair) -> tuple[Image, Image]:
        return self.whole(pair)

    def window(self, pair: Pair, image: Image, labels: Image) -> tuple[Image, Image]:
        assert pair.box is not None
        left, top, right, bottom = pair.box
        rows, columns = image.shape[:2]
        pads = max(0, -top), max(0, bottom - rows + 1), max(0, -left), max(0, right - columns + 1)
        high, wide = rows + pads[0] + pads[1], columns + pads[2] + pads[3]
        if high * wide > MOST_PIXELS:
            box = " ".join(map(str, pair.box))
            raise ValueError(f"with the window {box} it would be {high}x{wide}")
        cut = np.s_[top + pads[0] : bottom + pads[0] + 1, left + pads[2] : right + pads[2] + 1]
        image = _bordered(image, pads, 0)[cut]
        return self.scaled(image, _bordered(labels, pads, self._ignore)[cut])


def _bordered(image: Image, pads: tuple[int, int, int, int], value: int) -> Image:
    """An image with so much of one value above, below, to the left and to the right."""
    if not any(pads):
        return image
    cv2: Any = need("cv2", "a window of an image")
    with taking("OpenCV can't put a border around it"):
        found: Image = cv2.copyMakeBorder(
            image, *pads, cv2.BORDER_CONSTANT, value=(value, value, value, value)
        )
    return found
