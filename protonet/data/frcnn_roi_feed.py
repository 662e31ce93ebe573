"""FrcnnRoiData: images and their true boxes from a list, of makefile's Faster R-CNN."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from protonet.data.definition import Definition
from protonet.data.feed import feeds
from protonet.data.order import Order
from protonet.data.random import Random
from protonet.data.region_images import (
    PlannedImage,
    RegionFeed,
    RegionImage,
    Scaling,
    checked,
)
from protonet.diagnostics import NetError
from protonet.reading import reading
from protonet.schema.rcnn_settings import RcnnSettings

_PARAM = "window_data_param"
_KNOWN = {"source", "root_folder", "config", "config_text", "cache_images"}
_NOT_DONE = {
    "use_retinex": "retinex",
    "use_haze_free": "taking away haze",
    "use_hist_equalize": "equalising histograms",
}


@feeds
class FrcnnRoiFeed(RegionFeed):
    """Images in the order of the fork's shuffle for rng_seed, mirrored and scaled by its draws.

    The first round leaves out the first image of its order, as there. Of several processes each
    draws its own order. Source: FrcnnRoiDataLayer of makefile's frcnn.
    """

    type = "FrcnnRoiData"
    four_axes = True

    def __init__(self, definition: Definition) -> None:
        super().__init__(definition)
        p: Any = definition.layer.window_data_param
        definition.refuse_others(p, _KNOWN, _PARAM)
        settings = self._settings(p)
        self._shorts = settings.several("scales")
        self._mirrors = settings.is_on("use_flipped")
        mean = np.array(settings.several("pixel_means", 3), np.float32)
        step = settings.whole("im_size_align", 1)
        self.scaling = Scaling(mean, settings.number("max_size"), step, True, True)
        path = definition.readable(p.source, _PARAM, "source")
        with definition.placing(_PARAM, "source"):
            found = list(listed(path, p.root_folder, definition))
        self.images = checked(definition, found, settings.whole("n_classes", 2))
        self.random = Random(settings.whole("rng_seed") + definition.rank)
        self.order = Order(len(self.images), self.random)
        self.start()

    def _settings(self, p: Any) -> RcnnSettings:
        definition = self.definition

        def wrong(what: str) -> NetError:
            return definition.error(f"the settings {p.config} {what}", _PARAM, "config")

        text = p.config_text
        if not p.HasField("config_text"):
            path = definition.readable(p.config, _PARAM, "config")
            with definition.placing(_PARAM, "config"), reading(path, "can't be read", None):
                text = path.read_text(encoding="utf-8-sig")
        settings = RcnnSettings(text, wrong)
        for name, what in _NOT_DONE.items():
            if settings.is_on(name):
                raise wrong(f"switch on {name}; {what} is not done here")
        if definition.training and settings.number("data_jitter") >= 0:
            raise wrong("give a data_jitter, with which images are turned and distorted at random")
        if min(settings.several("scales")) <= 0 or settings.number("max_size") <= 0:
            raise wrong("have sides that are not positive as scales or max_size")
        return settings

    def planned(self) -> PlannedImage:
        """The next image. Source: FrcnnRoiDataLayer::load_batch, ShuffleImages."""
        self.order.advance()
        mirror = self._mirrors and self.random.draw() % 2 == 1 and self.definition.training
        short = self._shorts[self.random.draw() % len(self._shorts)]
        return PlannedImage(self.order.current, mirror, short)


def listed(path: Path, root: str, definition: Definition) -> Iterator[RegionImage]:
    """The images of a list: for each ``# index``, path, number of boxes, and these.

    A box is class, x1, y1, x2, y2 and whether it is difficult, which is passed over. NetError where
    the file is not so. Source: DataPrepare::load_WithDiff.
    """
    with reading(path), path.open(encoding="utf-8", errors="surrogateescape") as file:
        words = chain.from_iterable(line.split() for line in file)
        for number, mark in enumerate(words):
            head = [mark, *islice(words, 3)]
            if len(head) < 4 or mark != "#" or not (head[1] + head[3]).isdecimal():
                what = f"image {number} of {os.fspath(path)} begins with {' '.join(head)!r}"
                hint = "it takes `# index`, the image's path, and how many boxes it has"
                raise NetError(what, None, hint)
            yield _image(words, head, path, definition.path(root + head[2]))


def _image(words: Iterator[str], head: list[str], source: Path, path: Path) -> RegionImage:
    count, name = int(head[3]), head[2]
    given = list(islice(words, 6 * count))
    with reading(source, f"has boxes of {name!r} that are no numbers", None):
        rows = np.array(given, np.int64).reshape(-1, 6)
    if len(rows) != count:
        raise NetError(f"{os.fspath(source)} ends within the boxes of {name!r}")
    if not count:
        raise NetError(f"{name!r} in {os.fspath(source)} has no box, and each image needs one")
    wrong = rows[(rows[:, 3] < rows[:, 1]) | (rows[:, 4] < rows[:, 2])]
    if len(wrong):
        box = wrong[0, 1:5].tolist()
        raise NetError(f"a box of {name!r} in {os.fspath(source)} is none: {box}")
    return RegionImage(path, name, rows[:, 1:5].astype(np.float64), rows[:, 0])
