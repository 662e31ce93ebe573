"""How an image is prepared for a net: the facts that a command states, a file keeps, a net uses."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protonet.arrays import Array

MEAN_IMAGE = "image"


@dataclass(frozen=True)
class Preparation:
    """What is done to an image before the net sees it.

    ``height`` and ``width`` are the net's. With ``short_side`` the image's shorter side is brought
    to that and the square in its centre kept; with ``resize`` it is brought to that (height,
    width); then the centre is cut out. Without either it is brought to the net's size itself.
    Values are 0 to ``raw_scale``; the ``mean`` is (c,), or (c, h, w) of the net's size or of the
    ``frame``: then each crop loses the mean of its own place, as in training. The difference is
    multiplied by ``scale``. Colours are BGR unless ``rgb``.
    """

    channels: int
    height: int
    width: int
    resize: tuple[int, int] | None = None
    short_side: int = 0
    mean: Array | None = None
    scale: float = 1.0
    raw_scale: float = 255.0
    rgb: bool = False

    @property
    def frame(self) -> tuple[int, int]:
        """What images are brought to before the net's part is cut out of it: (height, width)."""
        if self.short_side:
            return self.short_side, self.short_side
        return self.resize or (self.height, self.width)

    @property
    def mean_image(self) -> Array | None:
        """The mean where it is an image, (c, h, w)."""
        return self.mean if self.mean is not None and self.mean.ndim == 3 else None

    def words(self) -> str:
        """The whole of it in a line: 3x224x224, BGR, 0 to 255, less the mean 104, 117, 123."""
        size = f"{self.height}x{self.width}"
        order = ("RGB, " if self.rgb else "BGR, ") if self.channels == 3 else "gray, "
        cut = f"short side {self.short_side}, its centre {size}" if self.short_side else size
        if self.resize and self.resize != (self.height, self.width):
            cut = f"brought to {self.resize[0]}x{self.resize[1]}, its centre {size}"
        less = "no mean taken away"
        if self.mean is not None:
            values = ", ".join(f"{v:.6g}" for v in self.mean) if self.mean.ndim == 1 else MEAN_IMAGE
            less = f"less the mean {values}"
        times = f", times {self.scale:.6g}" if self.scale != 1 else ""
        return f"{cut}, {order}0 to {self.raw_scale:g}, {less}{times}"


def as_json(preparation: Preparation) -> str:
    """The facts as text; of a mean image only that there is one."""
    facts = {name: getattr(preparation, name) for name in _KINDS}
    facts["resize"] = list(preparation.resize) if preparation.resize else None
    facts["mean"] = None
    if preparation.mean is not None:
        values = [float(str(value)) for value in preparation.mean.astype("float32").flat[:4]]
        facts["mean"] = MEAN_IMAGE if preparation.mean.ndim == 3 else values
    return json.dumps(facts, separators=(",", ":"))


_LARGEST = 1 << 16
_KINDS: Mapping[str, Any] = {
    **dict.fromkeys(("channels", "height", "width", "short_side"), int),
    "resize": list,
    "mean": (list, str),
    **dict.fromkeys(("scale", "raw_scale"), (int, float)),
    "rgb": bool,
}


def from_json(text: str, image: Array | None = None) -> Preparation:
    """The facts of a text that ``as_json`` wrote, with the numbers of its mean image.

    ValueError where it says something else.
    """
    facts = json.loads(text)
    if not isinstance(facts, dict) or set(facts) != set(_KINDS):
        raise ValueError("it has other facts")
    for name, kind in _KINDS.items():
        if facts[name] is not None and not isinstance(facts[name], kind):
            raise ValueError(f"its {name} is {facts[name]!r}")
    resize, mean = facts["resize"], facts["mean"]
    sizes = [facts[n] for n in ("channels", "height", "width")] + (resize or [1, 1])
    if len(sizes) != 5 or not all(type(n) is int and 0 < n <= _LARGEST for n in sizes):
        raise ValueError(f"its sizes are {sizes}")
    made = Preparation(**{**facts, "mean": None, "resize": tuple(resize) if resize else None})
    if made.short_side < 0 or not all(map(math.isfinite, (made.scale, made.raw_scale))):
        raise ValueError("its numbers are none")
    if made.frame[0] < made.height or made.frame[1] < made.width:
        raise ValueError("what is cut out is larger than the image")
    if mean is None:
        return made
    return replace(made, mean=_mean(made, image if mean == MEAN_IMAGE else mean))


def _mean(preparation: Preparation, stated: Array | list[float] | None) -> Array:
    """Numbers as a mean of this preparation. ValueError where they are none."""
    import numpy as np  # most nets have no mean, and are written sooner without it

    values = np.array(stated, "<f4") if isinstance(stated, list) else stated
    sizes = ((), (preparation.height, preparation.width), preparation.frame)
    shapes = [(preparation.channels, *size) for size in sizes]
    found = next((s for s in shapes if values is not None and values.size == math.prod(s)), None)
    if values is None or found is None or not np.isfinite(values).all():
        raise ValueError("its mean is of another size")
    return values.reshape(found).astype(np.float32)
