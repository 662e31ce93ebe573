"""Images for a classification net, as Caffe's own tools prepare them.

Source: Caffe's examples/cpp_classification (resize to the input, the mean of each channel) and
python/caffe (Transformer, Classifier, oversample for ten crops).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protonet.arrays import Array
from protonet.data.image_decode import decode
from protonet.data.image_files import SUFFIXES, Size, content, resized
from protonet.diagnostics import NetError


@dataclass(frozen=True)
class Preparation:
    """What is done to an image before the net sees it.

    ``height`` and ``width`` are the net's. With ``resize`` the image is brought to that, and its
    centre or ten crops are cut out; else it is brought to the net's size itself. Values are 0 to
    ``raw_scale``; the ``mean`` is (c,), or (c, h, w) of the net's size or of what images are
    brought to: then each crop loses the mean of its own place, as in training. The difference is
    multiplied by ``scale``. Colours are BGR unless ``rgb``.
    """

    channels: int
    height: int
    width: int
    resize: Size | None = None
    mean: Array | None = None
    scale: float = 1.0
    raw_scale: float = 255.0
    rgb: bool = False
    ten_crop: bool = False

    @property
    def views(self) -> int:
        """How many inputs one image becomes."""
        return 10 if self.ten_crop else 1

    def __call__(self, path: Path) -> Array:
        """An image file as (views, c, h, w) in single precision. NetError where it is no image."""
        size = self.resize or Size(self.height, self.width)
        try:
            image = resized(decode(content(path), self.channels == 3), size)
        except ValueError as error:
            raise NetError(f"{path} is no image that can be read: {error}") from None
        views = self._views(image.reshape(*image.shape[:2], -1))
        planes = views[:, ::-1] if self.rgb else views
        values: Array = planes.astype(np.float32)
        if self.raw_scale != 255:
            values *= np.float32(self.raw_scale / 255)
        if self.mean is not None:
            values -= self._mean_of_views(self.mean)
        values *= np.float32(self.scale)
        return values

    def _views(self, image: Array) -> Array:
        """The crops of a (h, w, c) image, (views, c, height, width)."""
        crops = oversample if self.ten_crop else center
        views: Array = crops(image, self.height, self.width).transpose(0, 3, 1, 2)
        return views

    def _mean_of_views(self, mean: Array) -> Array:
        """What the crops lose. Source: DataTransformer, whose mean lies where the crop lay."""
        if mean.ndim == 1:
            return mean[:, None, None]
        if mean.shape[1:] == (self.height, self.width):
            return mean
        return self._views(mean.transpose(1, 2, 0))


def center(image: Array, height: int, width: int) -> Array:
    """The centre of an image, (1, height, width, c). Source: Classifier.predict."""
    top, left = _middle(image.shape[0], height), _middle(image.shape[1], width)
    return image[None, top : top + height, left : left + width]


def oversample(image: Array, height: int, width: int) -> Array:
    """Four corners and the centre, then these mirrored, (10, height, width, c).

    Source: caffe.io.oversample, in its order: top left, top right, bottom left, bottom right.
    """
    down, right = image.shape[0] - height, image.shape[1] - width
    corners = [(top, left) for top in (0, down) for left in (0, right)]
    corners.append((_middle(image.shape[0], height), _middle(image.shape[1], width)))
    crops = np.stack([image[y : y + height, x : x + width] for y, x in corners])
    return np.concatenate([crops, crops[:, :, ::-1]])


def _middle(whole: int, part: int) -> int:
    return int(whole / 2.0 - part / 2.0)


def fitted_mean(mean: Array, channels: int, sizes: Sequence[tuple[int, int]], name: str) -> Array:
    """A mean for images: (c, h, w) of one of these sizes as it is, else its channels' means.

    NetError where it has other channels. Source: Classifier::SetMean of cpp_classification.
    """
    values = np.asarray(mean, np.float32)
    while values.ndim > 3 and values.shape[0] == 1:
        values = values[0]
    if values.shape in [(channels, *size) for size in sizes]:
        return values
    if values.ndim not in (1, 3) or values.shape[0] not in (1, channels):
        given = "x".join(map(str, mean.shape)) or "a number"
        what = f"{name} is {given}, but the net's images have {channels} channels"
        raise NetError(what, None, f"give one value for each channel, or {channels}xHxW")
    means: Array = values.reshape(values.shape[0], -1).mean(1, dtype=np.float64)
    return np.repeat(means.astype(np.float32), channels // len(means))


def image_paths(names: Sequence[str]) -> list[Path]:
    """The files named, and of a folder all the images in it, by name. NetError where none is."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if not inside:
            kinds = ", ".join(s[1:] for s in SUFFIXES)
            raise NetError(f"the folder {name} holds no image ({kinds})")
        found += inside
    return found
