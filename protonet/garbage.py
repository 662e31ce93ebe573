"""Work without Python's collector of cycles, which would look at a large net again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector, as a block or around a function: what is made there stays in use.

    The collector goes through all that lives whenever so much has been added, so that its share
    of the time grows with the net. It is on again afterwards, where it was on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
