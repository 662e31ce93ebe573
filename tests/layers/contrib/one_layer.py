"""A net of one layer, its numbers in double precision, and its gradients."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import HealthCheck, settings

import protonet

quick = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


def text_of(kind, fields, shapes, tops=1):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    given_tops = " ".join(f'top: "t{i}"' for i in range(tops))
    return text + f'layer {{ name: "l" type: "{kind}" {bottoms} {given_tops} {fields} }}'


def compiled(kind, fields, shapes, tops=1, phase="TEST", faithful=True):
    text = text_of(kind, fields, shapes, tops)
    names = [f"t{i}" for i in range(tops)]
    return protonet.compile(text, phase=phase, outputs=names, faithful=faithful).double()


def outputs(net, *arrays):
    given = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    return [value.detach().numpy() for value in net(*given).values()]


def close(actual, wanted, rtol=1e-6):
    wanted = np.asarray(wanted)
    assert actual.shape == wanted.shape
    np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=1e-8)


def numbers(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def filled(net, seed, low=None):
    """Random blobs, as Caffe lays them out; at least ``low`` where that is given."""
    draw = np.random.default_rng(seed)
    blobs = {k: [draw.normal(size=a.shape) for a in v] for k, v in protonet.dump_blobs(net).items()}
    if low is not None:
        blobs = {k: [np.abs(a) + low for a in v] for k, v in blobs.items()}
    protonet.load_blobs(net, blobs)
    return blobs["l"]


def gradients_hold(net, *arrays, bottoms=(0,)):
    """torch.autograd.gradcheck over the net's parameters and the bottoms of these numbers."""
    inputs = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    for index in bottoms:
        inputs[index].requires_grad_(True)
    parameters = [p for p in net.parameters() if p.requires_grad]

    def forward(*given):
        return tuple(v for v in net(*given[: len(inputs)]).values() if v.requires_grad)

    assert torch.autograd.gradcheck(forward, (*inputs, *parameters))
    return True
