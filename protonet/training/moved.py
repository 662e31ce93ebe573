"""Batches on a GPU, each moved there while the step on the one before runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from protonet.data.prefetch import Prefetched, Tensors


@dataclass(frozen=True)
class _Moving:
    """A batch as it was read, its copy, and when that is whole."""

    read: Tensors
    copy: Tensors
    done: torch.cuda.Event


class Moved:
    """What ``batches`` gives, on a GPU.

    One batch is copied ahead, where it is made already, on a stream of its own: a copy among the
    step's kernels would wait for them. Source: BasePrefetchingDataLayer::InternalThreadEntry.
    """

    def __init__(self, batches: Prefetched, device: torch.device) -> None:
        self._batches = batches
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call,unused-ignore]
        self._ahead: _Moving | None = None

    def __next__(self) -> Tensors:
        read = next(self._batches)
        moving = self._ahead
        if moving is None or moving.read is not read:
            moving = self._move(read)
        following = self._batches.following()
        self._ahead = None if following is None else self._move(following)
        stream = torch.cuda.current_stream(self._device)
        stream.wait_event(moving.done)
        for tensor in moving.copy.values():
            tensor.record_stream(stream)
        return moving.copy

    def _move(self, read: Tensors) -> _Moving:
        with torch.cuda.stream(self._stream):
            copy = {top: x.to(self._device, non_blocking=True) for top, x in read.items()}
            done = torch.cuda.Event()  # type: ignore[no-untyped-call,unused-ignore]
            done.record()
        return _Moving(read, copy, done)
