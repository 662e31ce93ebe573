"""Images with their true boxes, one a batch, as Faster R-CNN's data layers give them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition
from protonet.data.extras import need
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.image_decode import decode
from protonet.data.image_files import content
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.diagnostics import NetError
from protonet.reading import taking
from protonet.shape import Shape

Corners64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionImage:
    """An image's path and how its list calls it, its boxes (n, 4) in pixels and their classes."""

    path: Path
    name: str
    boxes: Corners64
    labels: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scaling:
    """How an image is brought to size, and what is taken from its pixels before."""

    mean: Floats
    longest: float
    step: int = 1
    shrinks_by_area: bool = False
    cut: bool = False


@dataclass(frozen=True)
class PlannedImage:
    """An image of the list, whether it is mirrored, and its shorter side."""

    index: int
    mirror: bool
    short: float


@dataclass(frozen=True, eq=False)
class RegionMark:
    """Where the order and the random numbers stand."""

    order: OrderMark
    random: Mark


def scale_of(size: tuple[int, int], short: float, longest: float, rounds: bool) -> float:
    """What sides are multiplied with: to the shorter one, unless the longer one is too long.

    Source: prep_im_for_blob, which ``rounds`` the longer one, and get_scale_factor.
    """
    least, most = min(size), max(size)
    scale = np.float32(short) / np.float32(least) if not rounds else short / least
    long = scale * most
    if (round(float(long)) if rounds else long) > longest:
        scale = np.float32(longest) / np.float32(most) if not rounds else longest / most
    return float(scale)


def mirrored(boxes: Corners64, width: int) -> Corners64:
    """Boxes of corners that are pixels, in the mirror."""
    flipped: Corners64 = boxes.copy()
    flipped[:, 0], flipped[:, 2] = width - boxes[:, 2] - 1, width - boxes[:, 0] - 1
    return flipped


def within(boxes: Corners64, height: int, width: int, beyond: float) -> Corners64:
    """Boxes cut to the pixels of an image. ValueError of one that is further ``beyond``."""
    cut: Corners64 = boxes.clip(0, np.array([width, height] * 2) - 1)
    far = boxes[(np.abs(boxes - cut) > beyond).any(1)]
    if len(far):
        raise ValueError(f"a box, {far[0].tolist()}, is not in its {height}x{width} pixels")
    return cut


def scaled_image(image: Floats, scale: float, scaling: Scaling) -> Floats:
    """An image (h, w, 3) less its mean, at another scale, padded to steps; (h, w, 3)."""
    cv2 = need("cv2", "a region data layer")
    image = image - scaling.mean
    how = cv2.INTER_AREA if scaling.shrinks_by_area and scale < 1 else cv2.INTER_LINEAR
    with taking(f"OpenCV can't scale {image.shape[0]}x{image.shape[1]} by {scale:g}"):
        resized: Floats = cv2.resize(image, None, fx=scale, fy=scale, interpolation=how)
    down, across = (-side % scaling.step for side in resized.shape[:2])
    padded: Floats = np.pad(resized, ((0, down), (0, across), (0, 0)))
    return padded


class RegionFeed(Feed):
    """One image a batch, scaled, with its size and its boxes; the order and the draws differ."""

    images: list[RegionImage]
    scaling: Scaling
    order: Order
    random: Random
    four_axes = False

    def start(self) -> None:
        """Take the shapes of the first batch, and stand where the reading begins."""
        if len(self.definition.tops) != 3:
            what = f"it gives 3 tops, data, size and boxes, not {len(self.definition.tops)}"
            raise self.definition.error(what, "top")
        mark = self.mark()
        self.shapes = {top: values.shape for top, values in next(self).items()}
        self.go_to(self.marked(mark))

    def planned(self) -> PlannedImage:
        """Read on by one image."""
        raise AssertionError(f"{self.type} does not plan")

    def plan(self) -> PlannedImage:
        return self.planned()

    def make(self, planned: PlannedImage, new: Allocate = new_array) -> Batch:
        own = self.images[planned.index]
        try:
            made = self._scaled(own, planned)
        except ValueError as error:
            raise self.broken(own, error) from None
        image, scale, boxes = made
        data = new((1, 3, *image.shape[:2]))
        data[0] = image.transpose(2, 0, 1)
        size = np.array([[*image.shape[:2], scale]], np.float32)
        truth = np.hstack([boxes, own.labels[:, None]]).astype(np.float32)
        more: Shape = (1, 1) if self.four_axes else ()
        tops = (data, size.reshape(*size.shape, *more), truth.reshape(*truth.shape, *more))
        return dict(zip(self.definition.tops, tops, strict=True))

    def _scaled(self, own: RegionImage, planned: PlannedImage) -> tuple[Floats, float, Corners64]:
        """The image, its scale, and its boxes within it."""
        image = decode(content(own.path), True)
        height, width = image.shape[:2]
        scaling = self.scaling
        boxes = within(own.boxes, height, width, math.inf if scaling.cut else 1)
        if planned.mirror:
            image, boxes = image[:, ::-1], mirrored(boxes, width)
        scale = scale_of((height, width), planned.short, scaling.longest, not scaling.cut)
        made = scaled_image(image.astype(np.float32), scale, scaling)
        boxes = boxes * scale
        if scaling.cut:
            boxes = boxes.clip(None, np.array([made.shape[1], made.shape[0]] * 2) - 1)
        return made, scale, boxes

    def broken(self, own: RegionImage, error: Exception) -> NetError:
        """The error of an image that can't be taken."""
        return self.definition.error(f"the image {own.name!r} can't be taken: {error}")

    def mark(self) -> RegionMark:
        return RegionMark(self.order.mark(), self.random.mark())

    def marked(self, mark: RegionMark) -> Position:
        return {"order": mark.order.state(), "random": mark.random.state()}

    def go_to(self, state: Position) -> None:
        self.order.go_to(state["order"])
        self.random.back_to(Mark.of(state["random"]))


def checked(definition: Definition, images: list[RegionImage], classes: int) -> list[RegionImage]:
    """The images, of which there is one at least; NetError of a class that the net has not."""
    if not images:
        raise definition.error("its list has no image with a box")
    for image in images:
        wrong = image.labels[(image.labels < 1) | (image.labels >= classes)]
        if len(wrong):
            what = f"a box of {image.name!r} has the class {wrong[0]}; {classes} classes are "
            raise definition.error(f"{what}1 to {classes - 1}, and 0 for background")
    return images
