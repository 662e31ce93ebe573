"""Work on several threads whose results come in the order of what went in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")
_AHEAD = 4


def in_order(work: Callable[[S], T], items: Iterable[S], workers: int) -> Iterator[T]:
    """``work`` of each item, so many at a time; what it raises comes in its item's place."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="protonet-data")
    waiting: deque[Future[T]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
