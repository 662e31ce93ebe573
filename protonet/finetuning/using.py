"""How an image is prepared for a net that was fine-tuned: the options of `protonet run`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from protonet import api
from protonet.data.databases import backend_of, open_reader
from protonet.data.datum import parse_datum, pixels
from protonet.finetuning.make import DEPLOY, LABELS
from protonet.finetuning.solver import NET
from protonet.finetuning.source import is_feed
from protonet.finetuning.train_val import DATABASES
from protonet.schema.lookup import found
from protonet.selection import Selection


def use(folder: Path, weights: Path) -> str:
    """The command that asks the net of a fine-tuning about an image, as its test does."""
    own = ["--weights", str(weights), "--labels", str(folder / LABELS)]
    words = ["protonet", "run", str(folder / DEPLOY), *own, *_options(folder)]
    return f"{shlex.join(words)} --image IMAGE"


def _options(folder: Path) -> Iterator[str]:
    net = api.selected(str(folder / NET), Selection("TEST")).message
    stated = next(layer.transform_param for layer in net.layer if is_feed(layer))
    if stated.crop_size:
        yield from ("--resize", "x".join(map(str, _stored(folder / DATABASES["TEST"]))))
    if stated.mean_file:
        yield from ("--mean", found(stated.mean_file, folder))
    elif len(stated.mean_value):
        yield from ("--mean", ",".join(f"{value:g}" for value in stated.mean_value))
    if stated.scale != 1:
        yield from ("--scale", f"{stated.scale:.7g}")


def _stored(database: Path) -> tuple[int, int]:
    """The height and width of a database's first image."""
    reader = open_reader(database, backend_of(database))
    try:
        (record,) = reader.take(1)
    finally:
        reader.close()
    _, height, width = pixels(parse_datum(record.value), None).shape
    return height, width
