"""Several logs as one: whatever a run says, each of them hears."""

from __future__ import annotations

import inspect

import pytest

from protonet.training.log import Log, Logs

HEARD = [name for name, _ in inspect.getmembers(Log, inspect.isfunction) if name[0] != "_"]


class _Ear(Log):
    """Writes down what it is called with."""

    def __init__(self):
        self.heard = []
        for name in HEARD:
            setattr(self, name, lambda *given, name=name: self.heard.append((name, given)))


@pytest.mark.parametrize("name", HEARD)
def test_every_log_hears_it(name):
    ears = [_Ear(), _Ear()]
    wanted = tuple(object() for _ in list(inspect.signature(getattr(Log, name)).parameters)[1:])
    getattr(Logs(ears), name)(*wanted)
    assert [ear.heard for ear in ears] == [[(name, wanted)]] * 2
