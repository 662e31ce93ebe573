"""The collector of cycles is off inside, and afterwards as it was before."""

from __future__ import annotations

import gc

import pytest

import protonet
from protonet.garbage import uncollected


@pytest.fixture(autouse=True)
def _collector():
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@uncollected()
def state():
    with uncollected():
        pass
    return gc.isenabled()


@pytest.mark.parametrize("was_on", [True, False])
def test_it_is_off_inside(was_on):
    (gc.enable if was_on else gc.disable)()
    assert not state()
    assert gc.isenabled() == was_on


def test_an_error_leaves_it_as_it_was():
    gc.enable()
    with pytest.raises(protonet.NetError):
        protonet.emit("layer { name: 'a' type: 'NoSuch' }")
    assert gc.isenabled()


def test_no_large_net_is_gone_through():
    """A net of so many layers brings the collector round tens of times where it is on."""
    text = 'input: "x" input_shape { dim: 1 dim: 3 }\n' + "".join(
        f'layer {{ name: "l{k}" type: "ReLU" bottom: "x" top: "y{k}" }}\n' for k in range(400)
    )
    seen = []
    gc.enable()
    gc.callbacks.append(lambda phase, _: seen.append(phase))
    try:
        protonet.emit(text)
    finally:
        gc.callbacks.pop()
    assert seen.count("start") < 10
