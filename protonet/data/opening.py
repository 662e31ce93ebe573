"""Open the feeds of data layers."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from protonet.data.definition import Definition, Where, fresh_seed
from protonet.data.feed import SOURCES, Feed
from protonet.diagnostics import NetError, did_you_mean
from protonet.schema.load import Loaded

_HOMES = {
    "Data": "database_feed",
    "DummyData": "dummy_feed",
    "HDF5Data": "hdf5_feed",
}
_SEED_OF_A_LATER_LAYER = 0x9E3779B1


def open_feed(
    layer: Any,
    phase: str,
    *,
    folder: str | None = None,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
    where: Where | None = None,
) -> Feed:
    """The feed of one data layer of a selected net in today's form.

    ``folder`` is the definition's own: a path is taken from the working directory, as Caffe takes
    it, else from there. ``seed`` is the solver's random_seed, None for a new one each time. Of
    ``world`` processes each reads its own records, those ``rank`` steps into every ``world``.
    ``where`` gives the span of a field for errors. NetError where the data can't be read.
    """
    home = _HOMES.get(layer.type)
    definition = Definition(
        layer,
        phase,
        folder,
        fresh_seed() if seed is None or seed < 0 else seed,
        rank,
        world,
        where or _nowhere,
    )
    if home is None:
        hint = did_you_mean(layer.type, _HOMES) or f"these are: {', '.join(_HOMES)}"
        raise definition.error("it is no data layer that can be read from", "type", hint=hint)
    import_module(f"protonet.data.{home}")
    return SOURCES[layer.type](definition)


def _nowhere(*_field: str | int) -> None:
    return None


def open_feeds(
    loaded: Loaded,
    phase: str,
    *,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
) -> list[Feed]:
    """The feeds of all data layers of a selected net, each with a seed of its own.

    The first has the seed given, as in Caffe. Input layers are passed over: they have no data.
    NetError where one can't be opened; then none stays open.
    """
    start = fresh_seed() if seed is None or seed < 0 else seed
    folder = os.path.dirname(loaded.source.name) if loaded.source else None
    feeds: list[Feed] = []
    try:
        for index, layer in enumerate(loaded.message.layer):
            if layer.type not in _HOMES:
                continue

            def where(*field: str | int, index: int = index) -> Any:
                return loaded.sourcemap.span(("layer", index, *field))

            own = (start + _SEED_OF_A_LATER_LAYER * len(feeds)) % (1 << 32)
            feeds.append(
                open_feed(
                    layer, phase, folder=folder, seed=own, rank=rank, world=world, where=where
                )
            )
    except NetError:
        for feed in feeds:
            feed.close()
        raise
    return feeds
