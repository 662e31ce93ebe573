"""WindowData: windows of images, so many of objects and the rest of background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition, Seeds
from protonet.data.extras import need
from protonet.data.feed import Allocate, Batch, Feed, feeds
from protonet.data.image_files import Size, read_image
from protonet.data.mean_file import read_mean
from protonet.data.position import Position
from protonet.data.random import Mark, Random
from protonet.data.window_file import Window, WindowFile, read_windows
from protonet.data.window_place import WindowPlace, place
from protonet.diagnostics import NetError

_KNOWN = {
    *("source", "batch_size", "fg_threshold", "bg_threshold", "fg_fraction", "context_pad"),
    *("crop_mode", "cache_images", "root_folder"),
}
_KNOWN_TRANSFORM = {"mirror", "crop_size", "mean_file", "mean_value"}


@feeds
class WindowFeed(Feed):
    """Windows sampled from a window file, warped to crop_size: background first, then objects.

    A window is background below bg_threshold of overlap with an object, and an object from
    fg_threshold on; fg_fraction of a batch are objects. Source: WindowDataLayer.
    """

    type = "WindowData"

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        self._p: Any = definition.layer.window_data_param
        self._t: Any = definition.layer.transform_param
        definition.refuse_others(self._p, _KNOWN, "window_data_param")
        self._check_transform()
        seeds = Seeds(definition)
        if self._t.mirror or definition.training:
            seeds.own()
        self._random = Random(seeds.own())
        self._batch = definition.batch_size(self._p, "window_data_param")
        self._objects = int(np.float32(self._batch) * np.float32(self._p.fg_fraction))
        self._file = self._read_file()
        self._mean = self._read_mean()
        self._images: dict[int, NDArray[Any]] = {}
        crop = int(self._t.crop_size)
        tops = definition.tops
        if len(tops) != 2:
            raise definition.error(f"it gives 2 tops, data and labels, not {len(tops)}", "top")
        self.shapes = {tops[0]: (self._batch, 3, crop, crop), tops[1]: (self._batch,)}

    def _check_transform(self) -> None:
        definition = self.definition
        if self._t.scale != 1:
            what = "scale has no effect on windows in Caffe, which passes over it"
            hint = "take it out; a Power layer with a scale does what it says"
            raise definition.error(what, "transform_param", "scale", hint=hint)
        definition.refuse_others(self._t, _KNOWN_TRANSFORM, "transform_param")
        if not self._t.crop_size:
            raise definition.error("it needs a crop_size", "transform_param", "crop_size")
        if self._p.crop_mode not in ("warp", "square"):
            what = f"crop_mode is warp or square, not {self._p.crop_mode!r}"
            raise definition.error(what, "window_data_param", "crop_mode")
        if 2 * self._p.context_pad >= self._t.crop_size:
            what = f"context_pad {self._p.context_pad} leaves nothing of "
            what += f"crop_size {self._t.crop_size}"
            raise definition.error(what, "window_data_param", "context_pad")

    def _read_file(self) -> WindowFile:
        path = self.definition.readable(self._p.source, "window_data_param", "source")
        with self.definition.placing("window_data_param", "source"):
            found = read_windows(path, self._p.fg_threshold, self._p.bg_threshold)
        for kind, windows, wanted in (
            ("object", found.objects, self._objects),
            ("background", found.background, self._batch - self._objects),
        ):
            if wanted and not windows:
                what = f"{self._p.source} has no {kind} window, and a batch has {wanted}"
                raise self.definition.error(what, "window_data_param", "source")
        return found

    def _read_mean(self) -> Floats | None:
        """The mean at the places of a window's pixels, from its file's centre or its values."""
        crop = int(self._t.crop_size)
        values = np.array(self._t.mean_value, np.float32)
        if self._t.HasField("mean_file"):
            if values.size:
                what = "mean_file and mean_value are both given"
                raise self.definition.error(what, "transform_param", "mean_value", 0)
            return self._center(read_mean(self.definition), crop)
        if not values.size:
            return None
        if values.size not in (1, 3):
            what = f"mean_value is given {values.size} times for 3 channels"
            raise self.definition.error(what, "transform_param", "mean_value", 0)
        return np.broadcast_to(values.reshape(-1, 1, 1), (3, crop, crop))

    def _center(self, mean: Floats, crop: int) -> Floats:
        start = (mean.shape[2] - crop) // 2
        if mean.shape[0] != 3 or start < 0 or start + crop > mean.shape[1]:
            what = f"the mean file is {mean.shape}, and has no centre of 3x{crop}x{crop}"
            raise self.definition.error(what, "transform_param", "mean_file")
        return mean[:, start : start + crop, start : start + crop]

    def plan(self) -> list[tuple[Window, bool]]:
        columns = 1 + int(self._t.mirror)
        draws = self._random.raw(self._batch * columns).reshape(self._batch, columns).tolist()
        background = self._batch - self._objects
        planned = []
        for row, numbers in enumerate(draws):
            windows = self._file.background if row < background else self._file.objects
            mirror = bool(self._t.mirror and numbers[1] % 2)
            planned.append((windows[numbers[0] % len(windows)], mirror))
        return planned

    def make(self, planned: list[tuple[Window, bool]], new: Allocate = new_array) -> Batch:
        crop = int(self._t.crop_size)
        data = new((len(planned), 3, crop, crop))
        data.fill(0)
        for row, (window, mirror) in enumerate(planned):
            try:
                image = self._image(window.image)
                at = self._place(window, image.shape[:2], mirror)
                self._warp(image, at, mirror, data[row])
            except ValueError as error:
                raise self._broken(window, error) from None
        labels = np.array([window.label for window, _ in planned], np.float32)
        return dict(zip(self.definition.tops, (data, labels), strict=True))

    def _place(self, window: Window, size: tuple[int, ...], mirror: bool) -> WindowPlace:
        square = self._p.crop_mode == "square"
        return place(window, size, self._t.crop_size, self._p.context_pad, square, mirror)

    def _image(self, index: int) -> NDArray[Any]:
        """The image of a window; with cache_images each is read once."""
        if index in self._images:
            return self._images[index]
        path: Path = self.definition.path(self._p.root_folder + self._file.images[index])
        image = read_image(path, Size(), color=True)
        if self._p.cache_images:
            self._images[index] = image
        return image

    def _warp(self, image: NDArray[Any], at: WindowPlace, mirror: bool, out: Floats) -> None:
        """Write a window, warped, into its place in an item of the batch."""
        cv2 = need("cv2", "a WindowData layer")
        cut = image[at.top : at.bottom + 1, at.left : at.right + 1]
        warped = cv2.resize(cut, (at.width, at.height), interpolation=cv2.INTER_LINEAR)
        if mirror:
            warped = warped[:, ::-1]
        top, left = at.pad_top, at.pad_left
        window = np.s_[:, top : top + at.height, left : left + at.width]
        pixels = warped.transpose(2, 0, 1).astype(np.float32)
        out[window] = pixels if self._mean is None else pixels - self._mean[window]

    def _broken(self, window: Window, error: Exception) -> NetError:
        name = self._p.root_folder + self._file.images[window.image]
        what = f"window {window.number} of the image {name!r} in {self._p.source} can't be taken: "
        return self.definition.error(f"{what}{error}", "window_data_param", "source")

    def mark(self) -> Mark:
        return self._random.mark()

    def marked(self, mark: Mark) -> Position:
        return {"random": mark.state()}

    def go_to(self, state: Position) -> None:
        self._random.back_to(Mark.of(state["random"]))
