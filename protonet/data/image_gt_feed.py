"""ImageGtData: images of a window file around their objects, with their truth as maps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.extras import need
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.image_decode import decode
from protonet.data.image_files import content
from protonet.data.order import Order, OrderMark
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.truth_crop import TruthCrop, TruthRecipe, aspect_choices, draw_crop
from protonet.data.truth_file import Truth, read_truth, refuse_size
from protonet.data.truth_maps import MapField, ignored, truth_maps
from protonet.diagnostics import NetError

_PARAM = "image_gt_data_param"
_UNUSED = {"mirror": "transform_param has a mirror", "mean_file": "transform_param has mean_value"}


@feeds
class ImageGtFeed(Feed):
    """Images resized, scaled at random around an object, cropped, with maps and boxes of the truth.

    Source: ImageGtDataLayer of mscnn, its draws in its order.
    """

    type = "ImageGtData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = getattr(definition.layer, _PARAM)
        self._t: Any = definition.layer.transform_param
        self._check_fields()
        self._batch = definition.batch_size(self._p, _PARAM)
        path = definition.readable(self._p.source, _PARAM, "source")
        with definition.placing(_PARAM, "source"):
            self._truths = self._repeated(read_truth(path))
        seeds = Seeds(definition)
        if self._t.mirror or (definition.training and self._t.crop_size):
            seeds.own()
        self._random = Random(seeds.own())
        self._order = Order(len(self._truths), self._random if self._p.shuffle else None)
        self._contents: dict[str, bytes] = {}
        self._recipe = self._read_recipe()
        self._fields = [
            MapField(*numbers)
            for numbers in zip(
                self._p.downsample_rate, self._p.field_w, self._p.field_h, strict=True
            )
        ]
        self._mean = self._read_mean()
        size = self._recipe.height, self._recipe.width
        maps = [(self._batch, 6, *(round(n / f.stride) for n in size)) for f in self._fields]
        boxes = [(1, 7, 1, 1)] * self._p.output_gt_boxes
        shapes = [(self._batch, 3, *size), *maps, *boxes]
        if len(definition.tops) != len(shapes):
            what = f"it gives {len(shapes)} tops, not {len(definition.tops)}"
            raise definition.error(what, "top")
        self.shapes = dict(zip(definition.tops, shapes, strict=True))

    def _check_fields(self) -> None:
        definition, p = self.definition, self._p
        for field, instead in _UNUSED.items():
            if getattr(p, field):
                what = f"{field} has no effect in the fork, which passes over it"
                raise definition.error(what, _PARAM, field, hint=instead)
        if self._t.scale != 1:
            what = "scale has no effect in the fork, which passes over it"
            hint = f"{_PARAM} has a scale"
            raise definition.error(what, "transform_param", "scale", hint=hint)
        definition.refuse_others(self._t, {"mirror", "mean_value", "crop_size"}, "transform_param")
        counts = {len(p.downsample_rate), len(p.field_w), len(p.field_h)}
        numbers = [*p.downsample_rate, *p.field_w, *p.field_h]
        if counts != {len(p.downsample_rate)} or 0 in {*counts, *numbers}:
            what = "downsample_rate, field_w and field_h are positive, and as many of each"
            raise definition.error(what, _PARAM)
        if p.coord_num != 4:
            raise definition.error(f"coord_num is 4, not {p.coord_num}", _PARAM, "coord_num")

    def _repeated(self, truths: list[Truth]) -> list[Truth]:
        """The images, those with an object that counts fg_img_multiple times."""
        times = int(self._p.fg_img_multiple)
        return [t for t in truths for _ in range(times if (t.ignored == 0).any() else 1)]

    def _read_recipe(self) -> TruthRecipe:
        p, last = self._p, self._truths[-1]
        resize = None
        if p.HasField("resize_width") and p.HasField("resize_height"):
            resize = int(p.resize_height), int(p.resize_width)
        height, width = resize or (last.height, last.width)
        if p.HasField("crop_width") and p.HasField("crop_height"):
            for field, whole in (("crop_height", height), ("crop_width", width)):
                if getattr(p, field) > whole:
                    what = f"{field} {getattr(p, field)} is more than the images' {whole}"
                    raise self.definition.error(what, _PARAM, field)
            height, width = int(p.crop_height) or height, int(p.crop_width) or width
        if min(height, width) < 1:
            raise self.definition.error(f"images of {height}x{width} are none", _PARAM)
        scales = aspects = None
        if p.do_multiple_scale and p.HasField("min_scale") and p.HasField("max_scale"):
            scales = int(p.min_scale), int(p.max_scale)
            if not 0 < scales[0] <= scales[1]:
                what = f"min_scale {scales[0]} to max_scale {scales[1]} are no scales"
                raise self.definition.error(what, _PARAM, "min_scale")
        if p.HasField("min_whaspect") and p.HasField("max_whaspect"):
            aspects = float(p.min_whaspect), float(p.max_whaspect)
            if aspects[0] <= 0 or aspect_choices(aspects) < 1:
                what = f"min_whaspect {aspects[0]:g} to max_whaspect {aspects[1]:g} are no aspects"
                raise self.definition.error(what, _PARAM, "min_whaspect")
        return TruthRecipe(height, width, bool(self._t.mirror), resize, scales, aspects)

    def _read_mean(self) -> Floats:
        values = np.array(self._t.mean_value, np.float32)
        if values.size not in (0, 1, 3):
            what = f"mean_value is given {values.size} times for 3 channels"
            raise self.definition.error(what, "transform_param", "mean_value", 0)
        return np.broadcast_to(values if values.size else np.float32(0), (3,))

    def plan(self) -> list[TruthCrop]:
        planned = []
        for _ in range(self._batch):
            truth = self._truths[self._order.current]
            planned.append(draw_crop(truth, self._recipe, self._random))
            self._order.advance()
        return planned

    def make(self, planned: list[TruthCrop], new: Allocate = new_array) -> Batch:
        size, p = (self._recipe.height, self._recipe.width), self._p
        data = new((len(planned), 3, *size))
        data.fill(0)
        maps = [new((len(planned), *self.shapes[top][1:])) for top in self._map_tops()]
        rows = []
        for item, crop in enumerate(planned):
            try:
                self._paste(crop, data[item])
            except ValueError as error:
                raise self._broken(crop.truth, error) from None
            unseen = ignored(crop, size, (p.min_gt_width, p.min_gt_height))
            made = truth_maps(crop, size, self._fields, unseen, p.fg_threshold)
            for whole, each in zip(maps, made, strict=True):
                whole[item] = each
            said = np.where(unseen, np.maximum(crop.truth.ignored, 1), 0)
            facts = [np.full(len(unseen), item), *crop.boxes.T, crop.truth.labels, said]
            rows.append(np.stack(facts, 1).astype(np.float32))
        boxes = np.concatenate(rows)
        if not len(boxes):
            boxes = np.array([[0, 1, 1, 2, 2, 1, 1]], np.float32)
        tops = (data, *maps, *[boxes[:, :, None, None]] * p.output_gt_boxes)
        return dict(zip(self.definition.tops, tops, strict=True))

    def _map_tops(self) -> list[str]:
        return self.definition.tops[1 : 1 + len(self._fields)]

    def _paste(self, crop: TruthCrop, out: Floats) -> None:
        """Write what a crop takes of its image into an item."""
        cv2 = need("cv2", "an ImageGtData layer")
        image = self._image(crop.truth.path)
        refuse_size(crop.truth, image.shape)
        image = image[:, ::-1] if crop.mirror else image
        for size, cut in ((crop.resize, None), (crop.scaled, crop.cut)):
            if cut is not None:
                image = image[cut[1] : cut[1] + cut[3], cut[0] : cut[0] + cut[2]]
            if size is not None and size != image.shape[:2]:
                if min(size) < 1:
                    raise ValueError(f"it would be scaled to {size[0]}x{size[1]}")
                image = cv2.resize(np.ascontiguousarray(image), (size[1], size[0]))
        (row, column), (high, wide), (top, left) = crop.source, crop.size, crop.target
        part = image[row : row + high, column : column + wide].astype(np.float32)
        scale = np.float32(self._p.scale)
        out[:, top : top + high, left : left + wide] = ((part - self._mean) * scale).transpose(
            2, 0, 1
        )

    def _image(self, name: str) -> NDArray[Any]:
        """The image of that name; with cache_images its file is read once."""
        data = self._contents.get(name)
        if data is None:
            data = content(self.definition.path(self._p.root_folder + name))
            if self._p.cache_images:
                self._contents[name] = data
        return decode(data, True)

    def _broken(self, truth: Truth, error: Exception) -> NetError:
        what = f"the image {self._p.root_folder + truth.path!r} in {self._p.source} "
        return self.definition.error(f"{what}can't be taken: {error}", _PARAM, "source")

    def mark(self) -> tuple[OrderMark, Mark]:
        return self._order.mark(), self._random.mark()

    def marked(self, mark: tuple[OrderMark, Mark]) -> Position:
        order, random = mark
        return {"order": order.state(), "random": random.state()}

    def go_to(self, state: Position) -> None:
        self._order.go_to(state["order"])
        self._random.back_to(Mark.of(state["random"]))
