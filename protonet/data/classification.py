"""Images for a classification net, as Caffe's own tools prepare them.

Source: Caffe's examples/cpp_classification (resize to the input, the mean of each channel) and
python/caffe (Transformer, Classifier, oversample for ten crops).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protonet.arrays import Array, Floats
from protonet.data.image_decode import Image, decode
from protonet.data.image_files import SUFFIXES, Size, brought_to, content, resized
from protonet.diagnostics import NetError, or_none
from protonet.preparation import Preparation
from protonet.reading import near_files


def size_of(preparation: Preparation) -> Size:
    """What images are brought to before the net's part is cut out."""
    short = preparation.short_side
    return Size(short_side=short, center=short) if short else Size(*preparation.frame)


def opened(path: Path, preparation: Preparation) -> Image:
    """An image file as (h, w, 3) in BGR, or (h, w) for a gray net. NetError where it is none."""
    try:
        return decode(content(path), preparation.channels == 3)
    except ValueError as error:
        raise NetError(f"{path} is no image that can be read: {error}") from None


def prepared(image: Image, preparation: Preparation, ten_crop: bool = False) -> Floats:
    """An image as the net takes it, (1, c, h, w) in single precision, or (10, c, h, w) of crops.

    ValueError where it can't be brought to that size.
    """
    framed = resized(image, size_of(preparation))
    views = _views(framed.reshape(*framed.shape[:2], -1), preparation, ten_crop)
    values: Floats = (views[:, ::-1] if preparation.rgb else views).astype(np.float32)
    if preparation.raw_scale != 255:
        values *= np.float32(preparation.raw_scale / 255)
    if preparation.mean is not None:
        values -= _mean_of_views(preparation, preparation.mean, ten_crop)
    values *= np.float32(preparation.scale)
    return values


def _views(image: Array, preparation: Preparation, ten_crop: bool) -> Array:
    """The crops of a (h, w, c) image, (views, c, height, width)."""
    crops = oversample if ten_crop else center
    views: Array = crops(image, preparation.height, preparation.width).transpose(0, 3, 1, 2)
    return views


def _mean_of_views(preparation: Preparation, mean: Array, ten_crop: bool) -> Array:
    """What the crops lose. Source: DataTransformer, whose mean lies where the crop lay."""
    if mean.ndim == 1:
        return mean[:, None, None]
    if mean.shape[1:] == (preparation.height, preparation.width):
        return mean
    return _views(mean.transpose(1, 2, 0), preparation, ten_crop)


@dataclass(frozen=True)
class Sight:
    """The part of an image that a net saw, in pixels of the image: where it is and how large."""

    left: float
    top: float
    width: float
    height: float


def sight(image: Image, preparation: Preparation) -> Sight:
    """What the centre that a net is given was, in pixels of the image it was cut out of."""
    high, wide = image.shape[:2]
    tall, broad = brought_to(high, wide, size_of(preparation))
    down, right = high / tall, wide / broad
    inner = preparation.frame
    top = (tall - inner[0]) // 2 + _middle(inner[0], preparation.height)
    left = (broad - inner[1]) // 2 + _middle(inner[1], preparation.width)
    return Sight(left * right, top * down, preparation.width * right, preparation.height * down)


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
            if not path.exists():
                what = f"{path} is no image that can be read: no such file or directory"
                raise NetError(what, None, or_none(near_files(path)))
            found.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES)
        if not inside:
            kinds = ", ".join(s[1:] for s in SUFFIXES)
            below = sorted({p.parent for p in path.glob("*/*") if p.suffix.lower() in SUFFIXES})
            hint = f"the folders in it hold some: {', '.join(map(str, below[:3]))}"
            what = f"the folder {name} holds no image ({kinds})"
            raise NetError(what, None, hint if below else None)
        found += inside
    return found
