"""ImageData with sample_num: so many images of each class, drawn at random from folders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from protonet.arrays import Array
from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.detection.boxes import no_boxes
from protonet.data.detection.drawn import Drawn
from protonet.data.detection.recipe import ReadyImage, Recipe
from protonet.data.detection.resizing import Resize
from protonet.data.detection.stream import Stream, StreamMark
from protonet.data.erasing import Erasing, Patch
from protonet.data.feed import Allocate, Batch, Feed
from protonet.data.image_files import Size, read_image
from protonet.data.image_list import ListedImage, read_list
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.wanted_size import wanted_size
from protonet.diagnostics import NetError
from protonet.reading import reading

_FIELD = "image_data_param"
_KNOWN = {
    *("source", "batch_size", "new_height", "new_width", "is_color", "root_folder"),
    *("label_num", "sample_num", "probability", "min_aspect_ratio", "max_aspect_ratio"),
    *("lower", "higher"),
    *("rand_skip", "shuffle", "pair_size"),  # which the fork states and does not read here
}
_TRANSFORMS = {
    *("scale", "mirror", "crop_size", "crop_h", "crop_w", "mean_file", "mean_value"),
    *("resize_param", "force_color", "force_gray"),
}


class ChosenImage(NamedTuple):
    """An image of a batch, and what was drawn for it."""

    file: str
    entry: ListedImage
    patch: Patch | None
    drawn: Drawn


class ClassPlan(NamedTuple):
    """The images of a batch, and how many each of its classes has."""

    images: list[ChosenImage]
    counts: list[int]


@dataclass(frozen=True)
class _Mark:
    stream: StreamMark
    own: Mark


class ClassImageFeed(Feed):
    """At most sample_num images of each of so many folders as fill a batch, all at random.

    Which folders and images, the fork draws by the clock; here the seed gives them. Each process
    draws for itself. Source: ImageDataLayer of yuqj1991's caffe_train.
    """

    type = "ImageData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = definition.layer.image_data_param
        definition.refuse_others(self._p, _KNOWN, _FIELD)
        definition.refuse_others(definition.layer.transform_param, _TRANSFORMS, "transform_param")
        self._batch = definition.batch_size(self._p, _FIELD)
        self._check_counts()
        self._erasing = Erasing.of(definition)
        self._size = Size(*wanted_size(definition, _FIELD))
        resizes = [Resize.of(p) for p in definition.layer.transform_param.resize_param]
        self._resizes = resizes[:1]
        self._recipe = Recipe(definition, self._resizes, False)
        path = definition.readable(self._p.source, _FIELD, "source")
        with definition.placing(_FIELD, "source"):
            self._classes = read_list(path)
        seeds = Seeds(definition)
        self._own, self._stream = Random(seeds.own()), Stream(seeds.own())
        self._infer()

    def _check_counts(self) -> None:
        """NetError where a batch is not so many classes times so many images."""
        p, definition = self._p, self.definition
        if p.label_num * p.sample_num != p.batch_size:
            what = f"batch_size {p.batch_size} is not label_num {p.label_num} times sample_num "
            raise definition.error(f"{what}{p.sample_num}", _FIELD, "batch_size")
        if len(definition.tops) != 3:
            what = f"with sample_num it gives 3 tops, not {len(definition.tops)}"
            raise definition.error(what, "top")
        if len(definition.layer.transform_param.resize_param) > 1:
            what = "with sample_num it takes one resize_param"
            raise definition.error(what, "transform_param", "resize_param", 1)

    def _files(self, entry: ListedImage) -> list[str]:
        """The names of a folder's images. NetError where it is none."""
        folder = self.definition.path(f"{self._p.root_folder}/{entry.name}")
        with self.definition.placing(_FIELD, "source"), reading(folder, "can't be read", None):
            inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
            return [path.name for path in inside if path.is_file()]

    def _infer(self) -> None:
        """Shapes from the first image. Source: ImageDataLayer::DataLayerSetUp."""
        first = self._classes[0]
        files = self._files(first)
        if not files:
            what = f"the folder {first.name!r} of {self._p.source} holds no image"
            raise self.definition.error(what, _FIELD, "source")
        image = self._read(files[0], first)
        try:
            height, width = self._recipe.size(*image.shape[:2])
        except ValueError as error:
            raise self._broken(files[0], first, error) from None
        channels = image.shape[2] if image.ndim == 3 else 1
        shapes = ((self._batch, channels, height, width), (self._p.label_num,), (self._batch,))
        self.shapes = dict(zip(self.definition.tops, shapes, strict=True))

    def _read(self, file: str, entry: ListedImage) -> Array:
        path = self.definition.path(f"{self._p.root_folder}/{entry.name}/{file}")
        try:
            image: Array = read_image(path, self._size, self._p.is_color)
        except ValueError as error:
            raise self._broken(file, entry, error) from None
        return image

    def _broken(self, file: str, entry: ListedImage, error: Exception) -> NetError:
        name = f"{entry.name}/{file}"
        what = f"the image {name!r} (line {entry.line} of {self._p.source}) can't be taken: {error}"
        return self.definition.error(what, _FIELD, "source")

    def plan(self) -> ClassPlan:
        """Draw folders until the batch is full. Source: ImageDataLayer::load_batch."""
        images: list[ChosenImage] = []
        counts: list[int] = []
        taken: set[int] = set()
        while len(images) < self._batch:
            if len(taken) == len(self._classes):
                what = f"its {len(taken)} classes have {len(images)} images, taking at most "
                what += f"{self._p.sample_num} of each, and a batch has {self._batch}"
                raise self.definition.error(what, _FIELD, "batch_size")
            place = self._stream.draw() % len(self._classes)
            if place in taken:
                continue
            taken.add(place)
            entry = self._classes[place]
            files = self._files(entry)
            order = self._own.shuffled(np.arange(len(files))).tolist()
            most = min(self._p.sample_num, self._batch - len(images))
            names = [files[index] for index in order[:most]]
            counts.append(len(names))
            images += [self._drawn(name, entry) for name in names]
        return ClassPlan(images, counts)

    def _drawn(self, file: str, entry: ListedImage) -> ChosenImage:
        """The random part of an image: its patch, its interpolation, mirror and crop."""
        transform = self.definition.layer.transform_param
        patch = self._erasing.draw(self._stream)
        mirror = bool(transform.mirror and self._own.draw() % 2)
        way = self._resizes[0].way(self._stream) if self._resizes else 0
        place = (self._own.draw(), self._own.draw())
        return ChosenImage(file, entry, patch, Drawn([], None, None, way, None, mirror, place))

    def make(self, planned: ClassPlan, new: Allocate = new_array) -> Batch:
        images: Array | None = None
        for row, chosen in enumerate(planned.images):
            image = self._read(chosen.file, chosen.entry)
            try:
                if chosen.patch is not None:
                    image = self._erasing.apply(image, chosen.patch)
                ready: ReadyImage = self._recipe.prepared(image, no_boxes(), chosen.drawn, 0)
                if images is None:
                    height, width, *channels = ready.image.shape
                    images = new((self._batch, *(channels or [1]), height, width))
                self._recipe.write(ready, images[row])
            except ValueError as error:
                raise self._broken(chosen.file, chosen.entry, error) from None
        assert images is not None
        labels = [chosen.entry.label for chosen in planned.images]
        told = (images, np.array(planned.counts, np.float32), np.array(labels, np.float32))
        return dict(zip(self.definition.tops, told, strict=True))

    def mark(self) -> _Mark:
        return _Mark(self._stream.mark(), self._own.mark())

    def marked(self, mark: _Mark) -> Position:
        return {"stream": mark.stream.state(), "own": mark.own.state()}

    def go_to(self, state: Position) -> None:
        self._stream.go_to(state["stream"])
        self._own.back_to(Mark.of(state["own"]))
