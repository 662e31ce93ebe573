"""The endless batches of a net's data layers, the library's function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from protonet.data.opening import READ, open_feeds
from protonet.diagnostics import NetError, raise_all
from protonet.given import flag_given, mapping_given, number_given
from protonet.schema.load import Define, Loaded, Readable, defined, load
from protonet.schema.select import select
from protonet.schema.upgrade import upgrade
from protonet.selection import Selection

if TYPE_CHECKING:
    from protonet.data.prefetch import Prefetched

_MEMORY = 'memory={"data": (images, labels)}'


def batches(
    source: Readable,
    phase: str = "TRAIN",
    stages: Sequence[str] = (),
    level: int = 0,
    seed: int | None = None,
    rank: int = 0,
    world: int = 1,
    workers: int | None = None,
    pin: bool = False,
    memory: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    define: Define = None,
) -> Prefetched:
    """The batches of a net's data layers, {blob: float32 tensor}, without end.

    ``source`` is a path, a prototxt's text or a NetParameter message. ``seed`` is what a solver's
    random_seed is, for crops, mirrors and shuffles; of ``world`` processes each reads its own
    records. ``workers`` threads prepare batches ahead, in pinned memory with ``pin``. ``memory``
    is {layer: (data, labels)} for MemoryData layers, (n, c, h, w) and (n,); ``define`` fills a
    template's placeholders, {"WIDTH": 640}. The iterator has ``state()``, and ``close()``, which
    a ``with`` statement calls. NetError, with its place, where the net or its data can't be read.
    """
    from protonet.data.prefetch import prefetched

    selection = Selection.of(phase, stages, level)
    seed = None if seed is None else number_given(seed, "seed")
    workers = None if workers is None else number_given(workers, "workers", 1)
    world, pin = number_given(world, "world", 1), flag_given(pin, "pin")
    rank = number_given(rank, "rank", 0)
    _look_at(rank, world)
    if memory is not None:
        mapping_given(memory, "the arrays of MemoryData layers", _MEMORY)
    selected, phase = _selected(defined(source, define), selection), selection.phase
    feeds = open_feeds(selected, phase, seed=seed, rank=rank, world=world, memory=memory)
    if not feeds:
        raise _without_data(selected, phase)
    return prefetched(feeds, workers=workers, pin=pin)


def _look_at(rank: int, world: int) -> None:
    if rank >= world:
        raise NetError(f"rank {rank} is none of {world} processes", None, "the first has rank=0")


def _without_data(selected: Loaded, phase: str) -> NetError:
    known = f"it has none of {', '.join(READ)}"
    hint = f"{known}; a net with Input layers takes its inputs as arguments"
    where = selected.sourcemap.span(())
    return NetError(f"the net has no data layer in the phase {phase}", where, hint)


def _selected(source: Readable, selection: Selection) -> Loaded:
    loaded = upgrade(_sound(load(source, "NetParameter")))
    return _sound(select(_sound(loaded), selection.phase, selection.stages, selection.level))


def _sound(loaded: Loaded) -> Loaded:
    raise_all(loaded.errors)
    return loaded
