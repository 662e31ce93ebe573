"""Open the feeds of data layers."""

from __future__ import annotations

import os
import pkgutil
import reprlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from numpy.typing import ArrayLike

from protonet.data.definition import Definition, Where, fresh_seed
from protonet.data.extras import NotHere
from protonet.data.feed import FEEDS, Feed, feed_of
from protonet.data.memory_feed import MemoryFeed
from protonet.diagnostics import NetError, did_you_mean
from protonet.schema.load import Loaded
from protonet.schema.pool import Message
from protonet.shape import Shape

for _module in pkgutil.iter_modules([os.path.dirname(__file__)]):
    if _module.name.endswith("_feed"):  # they enter themselves into FEEDS
        import_module(f"protonet.data.{_module.name}")
READ = tuple(sorted(FEEDS))
_SEED_OF_A_LATER_LAYER = 0x9E3779B1


def open_feed(
    layer: Message,
    phase: str,
    *,
    folder: str | None = None,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
    where: Where | None = None,
    readers: Sequence[Message] = (),
) -> Feed:
    """The feed of one data layer of a selected net in today's form.

    ``folder`` is the definition's own: a path is taken from the working directory, as Caffe takes
    it, else from there. ``seed`` is the solver's random_seed, None for a new one each time. Of
    ``world`` processes each reads its own records, those ``rank`` steps into every ``world``.
    ``where`` gives the span of a field for errors, ``readers`` are the layers that read its tops.
    NetError where the data can't be read.
    """
    definition = Definition(
        layer,
        phase,
        folder,
        fresh_seed() if seed is None or seed < 0 else seed,
        rank,
        world,
        where or _nowhere,
        tuple(readers),
    )
    feed = feed_of(layer)
    if feed is None:
        hint = did_you_mean(layer.type, READ) or f"these are: {', '.join(READ)}"
        raise definition.error("it is no data layer that can be read from", "type", hint=hint)
    return feed.of(definition)


def _nowhere(*_field: str | int) -> None:
    return None


def open_feeds(
    loaded: Loaded,
    phase: str,
    *,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
    memory: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
) -> list[Feed]:
    """The feeds of all data layers of a selected net, each with a seed of its own.

    The first has the seed given, as in Caffe. ``memory`` is {layer: (data, labels)} for MemoryData
    layers. Input layers are passed over: they have no data. NetError where one can't be opened;
    then none stays open.
    """
    start = fresh_seed() if seed is None or seed < 0 else seed
    feeds: list[Feed] = []
    try:
        for index, layer in enumerate(loaded.message.layer):
            if feed_of(layer):
                own = (start + _SEED_OF_A_LATER_LAYER * len(feeds)) % (1 << 32)
                feeds.append(_open_nth(loaded, index, phase, own, rank, world))
        _give(feeds, memory or {})
    except BaseException:
        for feed in feeds:
            feed.close()
        raise
    return feeds


def data_shapes(loaded: Loaded, phase: str, index: int) -> dict[str, Shape]:
    """The shapes of the first batch of the layer at a place of a selected net.

    None where its data are not here, or it is no data layer. NetError where they are damaged.
    """
    if feed_of(loaded.message.layer[index]) is None:
        return {}
    try:
        feed = _open_nth(loaded, index, phase, 0, 0, 1)
    except NotHere:
        return {}
    feed.close()
    return feed.shapes


def _open_nth(loaded: Loaded, index: int, phase: str, seed: int, rank: int, world: int) -> Feed:
    def where(*field: str | int) -> Any:
        return loaded.sourcemap.span(("layer", index, *field))

    folder = loaded.folder or None
    layer = loaded.message.layer[index]
    readers = [n for n in loaded.message.layer if set(n.bottom) & set(layer.top)]
    return open_feed(
        *(layer, phase),
        folder=folder,
        seed=seed,
        rank=rank,
        world=world,
        where=where,
        readers=readers,
    )


def _give(feeds: list[Feed], memory: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> None:
    """Hand the caller's arrays to the MemoryData layers that they are for."""
    takers = {feed.definition.layer.name: feed for feed in feeds if isinstance(feed, MemoryFeed)}
    for name, arrays in memory.items():
        if name not in takers:
            hint = did_you_mean(name, takers) or f"these are: {', '.join(takers) or 'none'}"
            raise NetError(f"data are given for {name!r}, no MemoryData layer", None, hint)
        if not isinstance(arrays, Sequence) or len(arrays) != 2:
            what = f"layer {name!r} is given {reprlib.repr(arrays)}, not its data and their labels"
            raise NetError(what, None, f"give memory={{{name!r}: (images, labels)}}")
        takers[name].reset(*arrays)
