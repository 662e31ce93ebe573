"""What a person asks of a fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from protonet.schema.load import Readable

BATCH = 32
RATE = 0.001  # of Caffe's finetune_flickr_style: a tenth of what a net begins with


@dataclass(frozen=True)
class Asked:
    """A net, its weights, images in class folders, the folder to make; None is left to choose.

    ``freeze`` is the blob up to which nothing learns, ``last`` are the layers that are made anew.
    ``size`` is what images are brought to, (height, width), before a square is cut out of them.
    """

    net: Readable
    weights: str
    data: Path
    folder: Path
    val: Path | None = None
    freeze: str | None = None
    last: tuple[str, ...] = ()
    iterations: int | None = None
    batch: int | None = None
    rate: float = RATE
    mean: str | None = None
    scale: float | None = None
    size: tuple[int, int] | None = None
    mirror: bool | None = None
    encode: bool = False
    device: str = "auto"
