"""BatchNorm with a scale and a bias of its own: NVIDIA's, its 0.15's and Intel's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick

import protonet
from protonet import NetError

FIRST = "param { lr_mult: 1 } param { lr_mult: 1 } param { lr_mult: 0 } param { lr_mult: 0 }"
ORDERS = {
    "NVIDIA": ("scale_bias: true", "mean variance factor scale bias"),
    "NVIDIA, by filler": ("scale_filler { value: 1 }", "mean variance factor scale bias"),
    "NVIDIA 0.15": ("scale_filler { value: 1 }", "scale bias mean variance factor"),
    "Intel": ("filler { value: 1 }", "mean variance factor scale bias"),
    "Intel, no bias": ("filler { value: 1 } bias_term: false", "mean variance factor scale"),
    "Intel, statistics": ("filler { value: 1 } use_weight_bias: false", "mean variance factor"),
}
seeds = st.integers(0, 2**16)


def layer(fork, extra=""):
    fields = f"batch_norm_param {{ {ORDERS[fork][0]} {extra} }}"
    return f"{fields} {FIRST}" if fork == "NVIDIA 0.15" else fields


def named(fork, blobs):
    names = ORDERS[fork][1].split()
    assert len(names) == len(blobs)
    return dict(zip(names, blobs, strict=True))


def normalised(x, mean, variance, eps, scale=1.0, bias=0.0):
    over = (1, -1, *(1,) * (x.ndim - 2))
    mean, variance = mean.reshape(over), variance.reshape(over)
    scale = scale.reshape(over) if np.ndim(scale) else scale
    bias = bias.reshape(over) if np.ndim(bias) else bias
    return (x - mean) / np.sqrt(variance + eps) * scale + bias


@quick
@given(
    seeds,
    st.sampled_from(list(ORDERS)),
    st.sampled_from([(3, 2), (2, 3, 4), (2, 3, 4, 5), (2, 2, 2, 3, 2)]),
    st.booleans(),
)
def test_inference(seed, fork, shape, faithful):
    x = numbers(seed, shape)
    net = compiled("BatchNorm", layer(fork, "eps: 0.25"), [shape], faithful=faithful)
    b = named(fork, filled(net, seed, low=0.25))
    mean, variance = b["mean"] / b["factor"], b["variance"] / b["factor"]
    wanted = normalised(x, mean, variance, 0.25, b.get("scale", 1.0), b.get("bias", 0.0))
    close(outputs(net, x)[0], wanted, rtol=1e-5)


@quick
@given(seeds, st.sampled_from(["NVIDIA", "NVIDIA 0.15"]), st.sampled_from([0.5, 0.75]))
def test_training_of_nvidia(seed, fork, fraction):
    shape = (2, 3, 4, 5)
    fields = layer(fork, f"moving_average_fraction: {fraction}")
    net = compiled("BatchNorm", fields, [shape], phase="TRAIN")
    b = named(fork, filled(net, seed, low=0.25))
    mean = variance = None
    for step in range(4):
        x = numbers(seed + step, shape)
        batch = x.mean((0, 2, 3)), x.var((0, 2, 3))
        wanted = normalised(x, *batch, 1e-5, b["scale"], b["bias"])
        close(outputs(net, x)[0], wanted, rtol=1e-5)
        count = x.size // 3
        kept = fraction if step > 1 else 0
        mean = batch[0] if mean is None else kept * mean + (1 - kept) * batch[0]
        unbiased = batch[1] * count / (count - 1)
        variance = unbiased if variance is None else kept * variance + (1 - kept) * unbiased
    after = named(fork, protonet.dump_blobs(net)["l"])
    close(after["mean"], mean)
    close(after["variance"], variance)
    assert np.array_equal(after["factor"], b["factor"])


@quick
@given(seeds, st.sampled_from(["Intel", "Intel, no bias"]))
def test_training_of_intel(seed, fork):
    shape, x = (2, 3, 4, 5), numbers(seed, (2, 3, 4, 5))
    fields = layer(fork, "moving_average_fraction: 0.5 eps: 0.25")
    net = compiled("BatchNorm", fields, [shape], phase="TRAIN")
    b = named(fork, filled(net, seed, low=0.25))
    batch = x.mean((0, 2, 3)), x.var((0, 2, 3))
    wanted = normalised(x, *batch, 0.25, b["scale"], b.get("bias", 0.0))
    close(outputs(net, x)[0], wanted, rtol=1e-5)
    after = named(fork, protonet.dump_blobs(net)["l"])
    close(after["factor"], 0.5 * b["factor"] + 1)
    close(after["mean"], 0.5 * b["mean"] + batch[0])
    close(after["variance"], 0.5 * b["variance"] + batch[1] * 40 / 39)


@pytest.mark.parametrize("fork", ["NVIDIA", "NVIDIA 0.15", "Intel", "Intel, no bias"])
def test_gradients(fork):
    net = compiled("BatchNorm", layer(fork), [(3, 2, 2, 2)], phase="TRAIN")
    filled(net, 3, low=0.1)
    gradients_hold(net, numbers(4, (3, 2, 2, 2)))
    trained = {name.rpartition(".")[2] for name, _ in net.named_parameters()}
    assert trained == ({"weight"} if "no bias" in fork else {"weight", "bias"})


def test_statistics_of_parts_of_a_batch():
    shape, x = (4, 3, 2, 5), numbers(0, (4, 3, 2, 5))
    fields = "batch_norm_param { filler { value: 1 } stats_batch_size: 2 eps: 0.25 "
    fields += "moving_average_fraction: 0.5 }"
    net = compiled("BatchNorm", fields, [shape], phase="TRAIN")
    b = named("Intel", filled(net, 1, low=0.25))
    mean, variance, factor = b["mean"], b["variance"], b["factor"]
    wanted = []
    for part in (x[:2], x[2:]):
        batch = part.mean((0, 2, 3)), part.var((0, 2, 3))
        wanted.append(normalised(part, *batch, 0.25, b["scale"], b["bias"]))
        mean, factor = 0.5 * mean + batch[0], 0.5 * factor + 1
        variance = 0.5 * variance + batch[1] * 20 / 19
    close(outputs(net, x)[0], np.concatenate(wanted), rtol=1e-5)
    after = named("Intel", protonet.dump_blobs(net)["l"])
    for name, value in (("mean", mean), ("variance", variance), ("factor", factor)):
        close(after[name], value)
    assert gradients_hold(net, x)


def test_a_batch_without_parts_of_the_size_is_refused_where_it_trains():
    fields = "batch_norm_param { filler { value: 1 } stats_batch_size: 2 }"
    compiled("BatchNorm", fields, [(3, 3)], phase="TEST")
    with pytest.raises(NetError, match="a batch of 3 has no parts of 2"):
        compiled("BatchNorm", fields, [(3, 3)], phase="TRAIN")


def test_statistics_of_nothing_are_zeros_folded_or_not():
    x = numbers(5, (2, 3, 4, 5))
    results = []
    for phase in ("TRAIN", "TEST"):  # a training net is not folded
        net = compiled("BatchNorm", layer("NVIDIA", "eps: 0.25"), [x.shape], phase=phase)
        b = named("NVIDIA", filled(net, 6, low=0.25))
        b["factor"] = np.zeros(1, np.float32)
        protonet.load_blobs(net, {"l": list(b.values())})
        results.append(outputs(net.eval(), x)[0])
    zeros = np.zeros(3, np.float32)
    for result in results:
        close(result, normalised(x, zeros, zeros, 0.25, b["scale"], b["bias"]), rtol=1e-5)
