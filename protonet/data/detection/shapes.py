"""A small set to detect: light circles, squares and triangles over clouds, as a VOC folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protonet.arrays import Array
from protonet.data.extras import need
from protonet.data.image_decode import encode
from protonet.data.writing import new_folder

CLASSES = ("circle", "square", "triangle")
_MOST, _TRIES = 3, 40
_APART = 0.1  # how much of the smaller of two shapes may lie under the other
_DARK, _LIGHT = (0, 150), (170, 256)  # the clouds and the shapes


@dataclass(frozen=True)
class Shape2D:
    """One shape: its class, and its corners in pixels, the right and lower ones outside."""

    name: str
    left: int
    top: int
    right: int
    bottom: int


def write_shapes(
    path: Path,
    *,
    train: int,
    test: int,
    size: int,
    seed: int,
    force: bool,
    texts: Mapping[str, str] | None = None,
) -> int:
    """Write images of ``size`` pixels a side, with their boxes; how many boxes there are.

    ImageSets/Main has the sets train and test; ``texts`` are other files of the folder, by their
    names. NetError where ``path`` exists and ``force`` is not set.
    """
    generator, boxes = np.random.RandomState(seed), 0
    names = [f"{number:06d}" for number in range(train + test)]
    with new_folder(path, force) as folder:
        for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
            (folder / part).mkdir(parents=True)
        for name in names:
            image, shapes = drawn_shapes(generator, size)
            boxes += len(shapes)
            (folder / "JPEGImages" / f"{name}.jpg").write_bytes(encode(image, ".jpg"))
            lines = "\n".join(_xml(f"{name}.jpg", size, shapes))
            (folder / "Annotations" / f"{name}.xml").write_text(lines + "\n", encoding="utf-8")
        for name, text in (texts or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        for part, own in (("train", names[:train]), ("test", names[train:])):
            listing = folder / "ImageSets" / "Main" / f"{part}.txt"
            listing.write_text("".join(f"{name}\n" for name in own), encoding="utf-8")
    return boxes


def drawn_shapes(generator: np.random.RandomState, size: int) -> tuple[Array, list[Shape2D]]:
    """An image (size, size, 3), BGR, and the one to three shapes on it."""
    cv2 = need("cv2", "an image")
    noise = generator.randint(*_DARK, (6, 6, 3)).astype(np.uint8)
    image = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    shapes: list[Shape2D] = []
    for _ in range(generator.randint(1, _MOST + 1)):
        shape = _placed(generator, size, shapes)
        if shape is not None:
            _draw(generator, image, shape)
            shapes.append(shape)
    grain = generator.randint(-12, 13, image.shape)
    return np.clip(image + grain, 0, 255).astype(np.uint8), shapes


def _placed(generator: np.random.RandomState, size: int, others: list[Shape2D]) -> Shape2D | None:
    """A shape that hides little of the others; None where there is no room."""
    name = CLASSES[generator.randint(len(CLASSES))]
    for _ in range(_TRIES):
        side = generator.randint(size // 4, size // 2 + 1)
        left, top = generator.randint(0, size - side + 1, 2)
        shape = Shape2D(name, int(left), int(top), int(left + side), int(top + side))
        if all(_shared(shape, other) <= _APART for other in others):
            return shape
    return None


def _shared(a: Shape2D, b: Shape2D) -> float:
    """How much of the smaller of two lies under the other."""
    wide = min(a.right, b.right) - max(a.left, b.left)
    high = min(a.bottom, b.bottom) - max(a.top, b.top)
    smaller = min((one.right - one.left) * (one.bottom - one.top) for one in (a, b))
    return max(0, wide) * max(0, high) / smaller


def _draw(generator: np.random.RandomState, image: Array, shape: Shape2D) -> None:
    """Fill a shape with a light colour."""
    cv2 = need("cv2", "an image")
    tone = tuple(int(value) for value in generator.randint(*_LIGHT, 3))
    right, bottom, middle = shape.right - 1, shape.bottom - 1, (shape.left + shape.right - 1) // 2
    if shape.name == "square":
        cv2.rectangle(image, (shape.left, shape.top), (right, bottom), tone, -1)
    elif shape.name == "circle":
        box = ((shape.left + right) / 2, (shape.top + bottom) / 2)
        side = float(shape.right - shape.left - 1)
        cv2.ellipse(image, (box, (side, side), 0), tone, -1, cv2.LINE_AA)
    else:
        corners = np.array([[middle, shape.top], [shape.left, bottom], [right, bottom]], np.int32)
        cv2.fillPoly(image, [corners], tone, cv2.LINE_AA)


def _xml(name: str, size: int, shapes: list[Shape2D]) -> Iterator[str]:
    """The lines of an annotation."""
    yield "<annotation>"
    yield f"  <filename>{name}</filename>"
    yield f"  <size><width>{size}</width><height>{size}</height><depth>3</depth></size>"
    for one in shapes:
        yield "  <object>"
        yield f"    <name>{one.name}</name>"
        yield "    <difficult>0</difficult>"
        corners = (("xmin", one.left), ("ymin", one.top), ("xmax", one.right), ("ymax", one.bottom))
        inner = "".join(f"<{side}>{value}</{side}>" for side, value in corners)
        yield f"    <bndbox>{inner}</bndbox>"
        yield "  </object>"
    yield "</annotation>"
