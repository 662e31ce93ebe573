"""Pictures of answers: boxes with their labels, classes of places with a legend."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from protonet.arrays import Array
from protonet.data.classification import Sight
from protonet.data.extras import need
from protonet.data.image_decode import Image, encode
from protonet.diagnostics import NetError
from protonet.files import write_whole
from protonet.inference.boxes import Found
from protonet.inference.names import BACKGROUND, ClassNames
from protonet.inference.segments import Portion

Color = tuple[int, int, int]
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_INK: Color = (30, 30, 30)
_LEAST_SIDE = 480  # of a picture, so that its words can be read
_LEAST_SHARE = 0.0005  # in a legend, where it reads 0.1%
_OPACITY = 0.55
_STEP = 0.618034  # of the hue from one class to the next: neighbours look unlike


def color_of(label: int) -> Color:
    """The colour of a class in BGR, the same on every picture."""
    cv2: Any = need("cv2", "a picture")
    hue = int(label * _STEP % 1 * 180)
    light = 235 if label % 2 else 190
    pixel = np.array([[[hue, 200, light]]], np.uint8)
    blue, green, red = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return blue, green, red


def with_boxes(image: Image, boxes: Sequence[Found], names: ClassNames) -> Image:
    """The image with a frame around each box and its label in it or above; the best on top."""
    cv2: Any = need("cv2", "a picture")
    picture, factor = _enlarged(cv2, image)
    size = _text_size(picture)
    for box in reversed(boxes):
        corners = (box.left, box.top, box.right, box.bottom)
        left, top, right, bottom = (round(c * factor) for c in corners)
        color = color_of(box.label)
        thick = max(2, round(size * 3))
        cv2.rectangle(picture, (left, top), (right, bottom), color, thick)
        _label(cv2, picture, (left, top), f"{names[box.label]} {box.score:.2f}", color)
    return picture


def with_segments(
    image: Image, places: Array, found: Sequence[Portion], seen: Sight, names: ClassNames
) -> Image:
    """The image under its classes' colours, with a legend below; the background stays clear."""
    cv2: Any = need("cv2", "a picture")
    picture, factor = _enlarged(cv2, image)
    left, top = max(0, round(seen.left * factor)), max(0, round(seen.top * factor))
    right = min(picture.shape[1], round((seen.left + seen.width) * factor))
    bottom = min(picture.shape[0], round((seen.top + seen.height) * factor))
    part = picture[top:bottom, left:right]
    size = part.shape[1::-1]
    small = places.astype(np.float32)  # classes beyond 255 stay what they are
    labels = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST).astype(np.int64)
    for share in found:
        if names[share.label] != BACKGROUND:
            _tint(part, labels == share.label, color_of(share.label))
    shown = [share for share in found if share.share >= _LEAST_SHARE]
    return np.concatenate([picture, _legend(cv2, picture, shown, names)])


def write_picture(path: Path, picture: Image) -> None:
    """Write a picture as the file's kind. NetError where there is no such kind."""
    try:
        data = encode(picture, path.suffix)
    except ValueError as error:
        raise NetError(f"{path} can't be written: {error}", None, "call it .png") from None
    write_whole(path, data)


def _enlarged(cv2: Any, image: Image) -> tuple[Image, float]:
    """The image in colour, small ones enlarged, and how many times."""
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    factor = max(1.0, _LEAST_SIDE / max(image.shape[:2]))
    if factor == 1:
        return image.copy(), 1.0
    size = tuple(max(1, round(n * factor)) for n in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), factor


def _text_size(picture: Image) -> float:
    """The scale of OpenCV's letters that suits a picture."""
    return max(0.5, int(max(picture.shape[:2])) / 1600)


def _label(cv2: Any, picture: Image, corner: tuple[int, int], text: str, color: Color) -> None:
    """A word on a ground of the box's colour, above the corner or, at the edge, below it."""
    size = _text_size(picture)
    text = _ascii(text)
    bold = max(1, round(size * 1.6))
    font = cv2.FONT_HERSHEY_SIMPLEX
    (wide, high), below = cv2.getTextSize(text, font, size, bold)
    pad = max(3, round(size * 6))
    tall = high + below + pad
    left = max(0, min(corner[0], picture.shape[1] - wide - 2 * pad))
    top = corner[1] - tall if corner[1] >= tall else corner[1]
    end = (left + wide + 2 * pad, top + tall)
    cv2.rectangle(picture, (left, top), end, color, cv2.FILLED)
    at = (left + pad, top + high + pad // 2)
    cv2.putText(picture, text, at, font, size, _ink_on(color), bold, cv2.LINE_AA)


def _legend(cv2: Any, picture: Image, found: Sequence[Portion], names: ClassNames) -> Image:
    """A strip as wide as the picture: for each class its colour, its name and its share."""
    size = _text_size(picture)
    line, wide = round(44 * size), picture.shape[1]
    rows = [f"{_ascii(names[one.label])}  {100 * one.share:.1f}%" for one in found]
    font, bold = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size * 1.6))
    widths = [cv2.getTextSize(row, font, size, bold)[0][0] + 2 * line for row in rows]
    columns = max(1, wide // max(widths))
    strip = np.full((line * -(-len(rows) // columns) + line // 2, wide, 3), 250, np.uint8)
    for number, (row, one) in enumerate(zip(rows, found, strict=True)):
        left = number % columns * (wide // columns) + line // 4
        top = number // columns * line + line // 4
        clear = names[one.label] == BACKGROUND
        box, end = (left, top + line // 6), (left + line * 2 // 3, top + line * 5 // 6)
        cv2.rectangle(strip, box, end, (250, 250, 250) if clear else color_of(one.label), -1)
        cv2.rectangle(strip, box, end, _INK, 1)
        at = (left + line, top + line * 7 // 10)
        cv2.putText(strip, row, at, font, size, _INK, bold, cv2.LINE_AA)
    return strip


def _tint(part: Image, where: Array, color: Color) -> None:
    """Lay a colour over places of a picture."""
    own = part[where].astype(np.float32)
    part[where] = (own * (1 - _OPACITY) + np.array(color, np.float32) * _OPACITY).astype(np.uint8)


def _ink_on(color: Color) -> Color:
    """Dark or white, whichever is read more easily on a colour. Source: ITU-R BT.601's luma."""
    blue, green, red = color
    return (255, 255, 255) if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else _INK


def _ascii(text: str) -> str:
    """A text in the letters that OpenCV can draw."""
    bare = unicodedata.normalize("NFKD", text)
    kept = "".join(c for c in bare if not unicodedata.combining(c))
    return kept.encode("ascii", "replace").decode()
