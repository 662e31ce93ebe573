"""DenseBlock, against its steps one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs

import protonet
from protonet import NetError


def block(blobs, x, steps, narrow, training):
    """The steps, and the statistics that they see, (mean, unbiased variance) of each."""
    found = iter(blobs)
    names = ["weight", "scale", "bias", "mean", "variance"]
    parts = {name: [next(found) for _ in range(steps)] for name in names}
    if narrow:
        parts |= {f"{name}_": [next(found) for _ in range(steps)] for name in names}
    assert len(list(found)) == 1  # the factor, which is not read
    seen = {"": [], "_": []}

    def normal(y, mark, i):
        mean, variance = parts[f"mean{mark}"][i], parts[f"variance{mark}"][i]
        if training:
            mean, variance = y.mean((0, 2, 3), keepdims=True), y.var((0, 2, 3), keepdims=True)
            m = y.size / y.shape[1]
            seen[mark].append((mean, variance * m / (m - 1)))
        y = (y - mean) / np.sqrt(variance + 1e-5)
        return np.maximum(y * parts[f"scale{mark}"][i] + parts[f"bias{mark}"][i], 0)

    def convolved(y, weight, pad):
        return F.conv2d(torch.from_numpy(y), torch.from_numpy(weight), padding=pad).numpy()

    for i in range(steps):
        y = normal(x, "", i)
        if narrow:
            y = normal(convolved(y, parts["weight_"][i], 0), "_", i)
        x = np.concatenate([x, convolved(y, parts["weight"][i], 1)], 1)
    return x, parts, seen


FIELDS = (
    'numTransition: 2 growthRate: 2 Filter_Filler { type: "msra" } BN_Scaler_Filler { value: 1 }'
)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("phase", ["TEST", "TRAIN"])
def test_a_block_is_its_steps(narrow, phase):
    fields = f"denseblock_param {{ {FIELDS} use_BC: {str(narrow).lower()} }}"
    net = compiled("DenseBlock", fields, [(2, 3, 4, 5)], phase=phase)
    blobs = filled(net, 1, low=0.2)
    blobs = [np.float64(np.float32(blob)) for blob in blobs]
    x = numbers(2, (2, 3, 4, 5))
    wanted, parts, seen = block(blobs, x, 2, narrow, phase == "TRAIN")
    close(outputs(net, x)[0], wanted, rtol=1e-5)
    after = protonet.dump_blobs(net)["l"]
    if phase == "TRAIN":
        for i in range(2):
            close(after[6 + i], 0.9 * parts["mean"][i] + 0.1 * seen[""][i][0], rtol=1e-5)
            close(after[8 + i], 0.9 * parts["variance"][i] + 0.1 * seen[""][i][1], rtol=1e-5)


def test_gradients():
    fields = "denseblock_param { numTransition: 1 growthRate: 1 use_BC: true }"
    net = compiled("DenseBlock", fields, [(2, 1, 2, 2)], phase="TRAIN")
    filled(net, 1, low=0.2)
    assert gradients_hold(net, numbers(2, (2, 1, 2, 2)))


def test_refusals():
    with pytest.raises(NetError, match="it takes no param; the fork states its own"):
        compiled("DenseBlock", "param { lr_mult: 1 }", [(2, 3, 4, 5)])
    with pytest.raises(NetError, match="filter_H is 3 in the fork, whatever is stated"):
        compiled("DenseBlock", "denseblock_param { filter_H: 5 }", [(2, 3, 4, 5)])
