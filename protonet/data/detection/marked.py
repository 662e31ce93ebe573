"""Images with marked boxes as their files say it, before a number stands for each class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protonet.data.detection.label_map import BACKGROUND
from protonet.diagnostics import NetError

_FARTHEST = 1e9  # pixels; single precision holds them, and none that is no number is below
_WHETHER = {"": False, "0": False, "false": False, "1": True, "true": True}
Corners = tuple[float, float, float, float]


@dataclass(frozen=True)
class MarkedBox:
    """One box: its class by name, its corners in pixels, or in parts of the image."""

    name: str
    corners: Corners
    difficult: bool = False


@dataclass(frozen=True)
class MarkedImage:
    """An image, a path from the root, its boxes, and the file that marks them.

    ``wrong`` are the boxes that can't be taken, each told in a sentence; ``size`` is the width and
    height that the file states, (0, 0) for none.
    """

    name: str
    boxes: tuple[MarkedBox, ...]
    source: str
    parts: bool = False
    wrong: tuple[str, ...] = ()
    size: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class MarkedSet:
    """The images of a set; ``names`` are its classes in their order where its files have one."""

    images: tuple[MarkedImage, ...]
    names: tuple[str, ...] = ()

    def classes(self) -> list[str]:
        """The classes in the order of the set's files, or of their names, numbers as numbers."""
        if self.names:
            return list(self.names)
        found = {box.name for image in self.images for box in image.boxes}
        return sorted(
            found, key=lambda name: (0, int(name), "") if _is_number(name) else (1, 0, name)
        )


def boxed(
    name: str, source: str, found: Iterable[tuple[str, MarkedBox]], parts: bool = False
) -> MarkedImage:
    """An image with those of the boxes that are some; each comes with how it is called."""
    boxes, wrong = [], []
    for called, box in found:
        reason = _reason(box) or _reason_of_units(box.corners, parts)
        if reason:
            wrong.append(f"{source}: {called} {reason}")
        else:
            boxes.append(box)
    return MarkedImage(name, tuple(boxes), source, parts, tuple(wrong))


def _reason(box: MarkedBox) -> str:
    """Why corners are no box; "" where they are one."""
    if not box.name:
        return "has no class"
    if box.name == BACKGROUND:
        return f"is of the class {BACKGROUND!r}, SSD's name of the background"
    if not all(abs(value) < _FARTHEST for value in box.corners):
        return f"has the corners {shown(box.corners)}"
    left, top, right, bottom = box.corners
    if left >= right:
        return f"has no width: xmin {left:g}, xmax {right:g}"
    if top >= bottom:
        return f"has no height: ymin {top:g}, ymax {bottom:g}"
    return ""


def _reason_of_units(corners: Corners, parts: bool) -> str:
    """Why corners are in pixels where parts of the image are meant, or the reverse."""
    left, top, right, bottom = corners
    if parts:
        x, y = (left + right) / 2, (top + bottom) / 2
        outside = not (0 <= x <= 1 and 0 <= y <= 1)
        return f"has its centre at {x:g}, {y:g}, and counts in parts of the image" * outside
    within = left >= 0 and top >= 0 and right <= 1 and bottom <= 1
    return f"has the corners {shown(corners)}, within one pixel, and counts in pixels" * within


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10


def number(text: str | float | None, what: str) -> float:
    """A finite or infinite number. ValueError, which says ``what``, where it is none."""
    if text is None or isinstance(text, bool):
        raise ValueError(f"has no {what}")
    try:
        # Python's own numbers may have underscores.
        return float(text.replace("_", "-_") if isinstance(text, str) else text)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"has the {what} {str(text)[:40]!r}, no number") from None


def whether(text: str | float | None, what: str) -> bool:
    """What a 0 or 1 says, absent for 0. ValueError, which says ``what``, where it is neither."""
    found = _WHETHER.get(str(text or 0).strip().lower())
    if found is None:
        raise ValueError(f"has the {what} {str(text)[:40]!r}, neither 0 nor 1")
    return found


def shown(corners: Sequence[float]) -> str:
    """Corners as a person reads them."""
    return ", ".join(f"{value:g}" for value in corners)


def refuse_wrong(images: Iterable[MarkedImage]) -> None:
    """NetError of the first box that can't be taken."""
    for image in images:
        for sentence in image.wrong:
            raise NetError(sentence, None, "mend it, or leave such boxes out by --skip-broken")
