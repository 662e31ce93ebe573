"""Batches prepared beside the training, in the order that a single reader would give."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch

from protonet.arrays import Floats
from protonet.data.buffers import Buffers
from protonet.data.cores import available_cores
from protonet.data.feed import Feed, MarkedTops
from protonet.data.position import Position

if TYPE_CHECKING:
    from typing_extensions import Self

Tensors = dict[str, torch.Tensor]
_Planned = tuple[list[Any], list[Any]]
_READ_AHEAD = 3


class Prefetched:
    """The batches of several feeds, {top: tensor}, made on threads ahead of who takes them.

    One thread plans, in order, and ``workers`` threads decode and transform: OpenCV and numpy let
    go of Python's lock. ``state`` is that of the last batch taken, whatever has been read ahead.
    An error of a reader is raised where its batch would have been taken.
    """

    def __init__(self, feeds: Sequence[Feed], workers: int, depth: int, pin: bool) -> None:
        self._feeds = list(feeds)
        self._depth = depth
        self._pin = pin and torch.cuda.is_available()
        self._marks = [feed.mark() for feed in self._feeds]
        self._pending: deque[Future[tuple[Tensors, list[Any]]]] = deque()
        self._buffers = Buffers()
        self._error: Exception | None = None
        self._is_closed = False
        self._planner = ThreadPoolExecutor(1, thread_name_prefix="protonet-plan")
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="protonet-batch")
        self._work_ahead()

    def __iter__(self) -> Iterator[Tensors]:
        return self

    def __next__(self) -> Tensors:
        if self._error is not None:
            raise self._error
        if self._is_closed:
            raise StopIteration
        try:
            batch, marks = self._pending[0].result()
        except Exception as error:
            self._error = error
            raise
        self._pending.popleft()
        self._marks = marks
        self._work_ahead()
        return batch

    def following(self) -> Tensors | None:
        """The next batch, which stays to be taken; None where it is not made yet."""
        first = self._pending[0] if self._pending else None
        if first is None or not first.done() or first.exception() is not None:
            return None
        return first.result()[0]

    def state(self) -> list[Position]:
        """Where each feed stood after the last batch taken, as JSON can hold it."""
        pairs = zip(self._feeds, self._marks, strict=True)
        return [feed.state(mark) for feed, mark in pairs]

    def boxes(self, batch: Mapping[str, Floats]) -> MarkedTops:
        """The boxes of each image of a batch, by the top of the images, with their own top."""
        return {top: found for feed in self._feeds for top, found in feed.boxes(batch).items()}

    def stop(self) -> None:
        """Stop the threads; what was read ahead is gone, and the feeds stay open."""
        self._is_closed = True
        self._planner.shutdown(wait=True, cancel_futures=True)
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()

    def close(self) -> None:
        """Stop the threads and close the feeds."""
        if self._is_closed:
            return
        self.stop()
        for feed in self._feeds:
            feed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work_ahead(self) -> None:
        while len(self._pending) < self._depth:
            planned = self._planner.submit(self._plan)
            self._pending.append(self._workers.submit(self._make, planned))

    def _plan(self) -> _Planned:
        """What the next batch holds, and where the feeds stand after it."""
        return [feed.plan() for feed in self._feeds], [feed.mark() for feed in self._feeds]

    def _make(self, planned: Future[_Planned]) -> tuple[Tensors, list[Any]]:
        plans, marks = planned.result()
        batch: Tensors = {}
        for feed, plan in zip(self._feeds, plans, strict=True):
            for top, values in feed.make(plan, self._buffers.take).items():
                tensor = torch.from_numpy(values)
                batch[top] = tensor.pin_memory() if self._pin else tensor
        return batch, marks


def prefetched(
    feeds: Sequence[Feed],
    *,
    workers: int | None = None,
    depth: int | None = None,
    pin: bool = False,
) -> Prefetched:
    """The feeds' batches together, {top: tensor}, prepared by ``workers`` threads ahead of time.

    ``workers`` is the number of cores where it is not given, ``depth`` how many batches are made
    or being made ahead, ``pin`` puts them into pinned memory where there is a GPU. Close it, or use
    it in a ``with`` statement; that closes the feeds.
    """
    count = workers if workers is not None else available_cores()
    return Prefetched(feeds, max(1, count), max(1, depth or count + _READ_AHEAD), pin)
