"""Batches on their way to a GPU: which one is copied when; CUDA's streams are stood in for.

tests/device has what only a GPU shows.
"""

from __future__ import annotations

import contextlib

import pytest
import torch

from protonet.training.moved import Moved


class Quiet:
    """A stream or an event that only says what was asked of it."""

    def __init__(self, told):
        self.told = told

    def wait_event(self, event):
        assert event.recorded
        self.told.append("wait")

    def record(self):
        self.recorded = True


class Batches:
    """Numbered batches, of which the next one is made already, or not yet."""

    def __init__(self, count, ready):
        self.made = [{"data": torch.full((2,), float(n))} for n in range(count)]
        self.ready = ready

    def __next__(self):
        return self.made.pop(0)

    def following(self):
        return self.made[0] if self.ready and self.made else None


@pytest.fixture
def told(monkeypatch):
    told = []
    move = torch.Tensor.to

    def to(tensor, *arguments, **options):
        assert options == {"non_blocking": True}
        told.append(f"move {tensor[0]:g}")
        return move(tensor, *arguments).clone()

    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Quiet(told))
    monkeypatch.setattr(torch.cuda, "Event", lambda: Quiet(told))
    monkeypatch.setattr(torch.cuda, "stream", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Quiet(told))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: told.append("keep"))
    monkeypatch.setattr(torch.Tensor, "to", to)
    return told


def test_the_next_batch_moves_before_this_one_is_waited_for(told):
    moved = Moved(Batches(3, ready=True), torch.device("cpu"))
    taken = [next(moved)["data"][0].item() for _ in range(3)]
    assert taken == [0, 1, 2]
    first = ["move 0", "move 1", "wait", "keep"]
    assert told == [*first, "move 2", "wait", "keep", "wait", "keep"]


def test_a_batch_that_was_not_made_yet_moves_when_it_is_taken(told):
    moved = Moved(Batches(2, ready=False), torch.device("cpu"))
    assert [next(moved)["data"][0].item() for _ in range(2)] == [0, 1]
    assert told == ["move 0", "wait", "keep", "move 1", "wait", "keep"]
