"""FlowNet's layers, against loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=7)


def message_of(text):
    (problem,) = protonet.check(text)
    return problem.message


def correlated(a, b, pad, kernel, most, s1, s2, subtract, flat=False, side=0):
    """As the fork's kernels go, place by place; beyond the padded map there are zeros."""
    n = len(a)
    pads = [(0, 0), (0, 0), (0, 0) if flat else (pad, pad), (pad, pad)]
    a, b = np.pad(a, pads), np.pad(b, pads)
    radius, border = most // s2, most + (kernel - 1) // 2
    down = 0 if flat else most
    height = math.ceil((a.shape[2] - 2 * (border if not flat else (kernel - 1) // 2)) / s1)
    width = math.ceil((a.shape[3] - 2 * border) / s1)
    steps = [s2 * i for i in range(-radius, radius + 1)]
    across = {-1: [s2 * i for i in range(-radius - 1, 0)], 1: steps[radius:]}.get(side, steps)
    moves = list(itertools.product([0] if flat else steps, across))
    y = np.zeros((n, len(moves), height, width))
    for (c, (p, o)), i, j in itertools.product(enumerate(moves), range(height), range(width)):
        for di, dj in itertools.product(range(kernel), range(kernel)):
            r, s = i * s1 + down + di, j * s1 + most + dj
            second = b[:, :, r + p, s + o] if s + o >= 0 else np.zeros(b.shape[:2])
            first = a[:, :, r, s]
            both = np.abs(first - second) if subtract else first * second
            y[:, c, i, j] += both.mean(1) / kernel**2
    return y


@settings(few, max_examples=4)
@given(st.data(), seeds, st.booleans(), st.booleans())
def test_correlation(data, seed, subtract, flat):
    pad, most = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    kernel, s1, s2 = (data.draw(st.sampled_from(v)) for v in ([1, 3], [1, 2], [1, 2]))
    side = data.draw(st.integers(-1, 1)) if flat else 0
    assume(side != -1 or (most // s2 + 1) * s2 - most <= pad)
    shape = (1, 2, 5, 6)
    assume(min(shape[2:]) + 2 * (0 if flat else pad) > 2 * (0 if flat else most) + kernel)
    assume(6 + 2 * pad > 2 * most + kernel)
    fields = f"pad: {pad} kernel_size: {kernel} max_displacement: {most} stride_1: {s1} "
    fields += f"stride_2: {s2} single_direction: {side}"
    fields += " correlation_type: SUBTRACT" if subtract else ""
    kind = "Correlation1D" if flat else "Correlation"
    net = compiled(kind, f"correlation_param {{ {fields} }}", [shape, shape])
    a, b = numbers(seed, shape), numbers(seed + 1, shape)
    wanted = correlated(a, b, pad, kernel, most, s1, s2, subtract, flat, side)
    close(outputs(net, a, b)[0], wanted)


def test_correlation_has_gradients():
    fields = "correlation_param { pad: 1 kernel_size: 1 max_displacement: 1 }"
    net = compiled("Correlation", fields, [(1, 1, 2, 2)] * 2)
    assert gradients_hold(net, numbers(0, (1, 1, 2, 2)), numbers(1, (1, 1, 2, 2)), bottoms=(0, 1))


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        ("Correlation", "max_displacement: 2", "it has no kernel_size"),
        ("Correlation", "kernel_size: 2 max_displacement: 1", "kernel_size is odd, not 2"),
        (
            "Correlation",
            "kernel_size: 1 max_displacement: 9",
            "max_displacement 9 and kernel_size 1 leave nothing of 1x2x6x8 with pad 0",
        ),
        (
            "Correlation1D",
            "kernel_size: 1 max_displacement: 1 single_direction: -1",
            "to the left it reads 1 beyond its displacement, with pad 0",
        ),
    ],
)
def test_correlation_refuses(kind, fields, told):
    text = text_of(kind, f"correlation_param {{ {fields} }}", [(1, 2, 6, 8)] * 2)
    assert message_of(text) == f"layer 'l' ({kind}): {told}"


def mixed(image, x, y, outside):
    """One bilinear look-up; ``outside`` says of a corner what it counts as."""
    h, w = image.shape[1:]
    left, upper = math.floor(x), math.floor(y)
    total = np.zeros(len(image))
    for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = (x - left if i else 1 - x + left) * (y - upper if j else 1 - y + upper)
        column, row = left + i, upper + j
        if outside == "edge":
            column, row = min(column, w - 1), min(row, h - 1)
        if 0 <= column < w and 0 <= row < h:
            total += share * image[:, row, column]
    return total


def warped(image, flow, kind):
    n, _, h, w = image.shape
    y = np.zeros_like(image)
    for k, i, j in itertools.product(range(n), range(h), range(w)):
        u, v = flow[k, 0, i, j], flow[k, 1, i, j]
        if kind == "places":
            y[k, :, i, j] = mixed(image[k], u, v, "zero")
            continue
        u, v = u + j, v + i
        last = (w - 1, h - 1) if kind == "pwc" else (np.nextafter(w, 0), np.nextafter(h, 0))
        if 0 <= u <= last[0] and 0 <= v <= last[1]:
            y[k, :, i, j] = mixed(image[k], u, v, "edge")
        elif kind == "nan":
            y[k, :, i, j] = np.nan
    return y


@few
@given(seeds, st.sampled_from(["flow", "nan", "pwc", "places"]), st.booleans())
def test_warps(seed, kind, whole):
    shape = (2, 3, 4, 5)
    draw = np.random.default_rng(seed)
    image, flow = numbers(seed, shape), draw.normal(size=(2, 2, 4, 5)) * 2
    flow = np.round(flow) if whole else flow
    flow += 2 if kind == "places" else 0
    layer = "Warp" if kind in ("pwc", "places") else "FlowWarp"
    fields = {"nan": "flow_warp_param { fill_value: NOT_A_NUMBER }"}.get(kind, "")
    fields = "warp_param { places: true }" if kind == "places" else fields
    net = compiled(layer, fields, [shape, (2, 2, 4, 5)])
    close(outputs(net, image, flow)[0], warped(image, flow, kind))


@pytest.mark.parametrize("kind", ["FlowWarp", "Warp", "places"])
def test_warps_have_gradients(kind):
    fields = "warp_param { places: true }" if kind == "places" else ""
    layer = "Warp" if kind == "places" else kind
    net = compiled(layer, fields, [(1, 2, 3, 4), (1, 2, 3, 4)])
    flow = numbers(3, (1, 2, 3, 4)) + (1.3 if kind == "places" else 0.05)
    assert gradients_hold(net, numbers(0, (1, 2, 3, 4)), flow, bottoms=(0, 1))


def test_the_gradient_of_a_whole_step_is_of_one_side_or_of_both():
    image = torch.arange(4.0).square().view(1, 1, 1, 4).double()
    found = {}
    for kind in ("FlowWarp", "Warp"):
        flow = torch.zeros(1, 2, 1, 4, dtype=torch.float64, requires_grad=True)
        net = compiled(kind, "", [(1, 1, 1, 4), (1, 2, 1, 4)])
        (y,) = net(image, flow).values()
        y.sum().backward()
        found[kind] = flow.grad[0, 0, 0].tolist()
    # 0, 1, 4, 9: FlowNet2's goes to the right, PWC-Net's is the mean, none beyond the border.
    assert found == {"FlowWarp": [1, 3, 5, 0], "Warp": [0.5, 2, 4, 2.5]}


def test_a_net_with_a_grid_warps_to_places():
    grid = """input: "x" input_shape { dim: 1 dim: 2 dim: 3 dim: 4 }
    layer { name: "g" type: "Grid" bottom: "x" top: "g" }
    layer { name: "w" type: "Warp" bottom: "x" bottom: "g" top: "y" }"""
    x = torch.randn(1, 2, 3, 4)
    assert torch.equal(protonet.compile(grid)(x), x)


def test_grid_is_each_pixels_place():
    net = compiled("Grid", "", [(2, 3, 4, 5)])
    wanted = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)))
    close(outputs(net, numbers(0, (2, 3, 4, 5)))[0], np.stack([wanted] * 2))


def kernel_of(kind, d):
    d = abs(d)
    if kind == "LINEAR":
        return max(0, 1 - d)
    if d <= 1:
        return d * d * (1.5 * d - 2.5) + 1
    return d * (d * (-0.5 * d + 2.5) - 4) + 2 if d < 2 else 0


def rounded(x):
    return math.floor(abs(x) + 0.5) * (1 if x >= 0 else -1)


def resampled(x, height, width, kind, antialias):
    """As the fork's kernel goes, with the half pixels of the other axis."""
    h, w = x.shape[2:]
    fy, fx = h / height, w / width
    y = np.zeros((*x.shape[:2], height, width))
    smooth = antialias and (fx > 1 or fy > 1)
    ax, ay = (1 / fx, 1 / fy) if smooth else (1, 1)
    size = 4 if kind == "CUBIC" else 2
    rx = 2 if fx < 1 else math.ceil(size / ax)
    ry = 2 if fy < 1 else math.ceil(size / ay)
    for i, j in itertools.product(range(height), range(width)):
        u, v = j * fx + fy / 2 - 0.5, i * fy + fx / 2 - 0.5
        if kind == "NEAREST":
            y[:, :, i, j] = x[:, :, rounded(v), rounded(u)]
            continue
        total = weights = 0
        for r, c in itertools.product(range(-ry, ry + 1), range(-rx, rx + 1)):
            row, column = rounded(v) + r, rounded(u) + c
            if 0 <= row < h and 0 <= column < w:
                share = kernel_of(kind, ax * (u - column)) * kernel_of(kind, ay * (v - row))
                total, weights = total + share * x[:, :, row, column], weights + share
        y[:, :, i, j] = total / weights if weights else 0
    return y


@few
@given(st.data(), seeds, st.sampled_from(["LINEAR", "CUBIC", "NEAREST"]), st.booleans())
def test_resample(data, seed, kind, antialias):
    height, width = (data.draw(st.integers(1, 9)) for _ in range(2))
    shape = (1, 2, 5, 6)
    fields = f"height: {height} width: {width} type: {kind} antialias: {str(antialias).lower()}"
    text = text_of("Resample", f"resample_param {{ {fields} }}", [shape])
    fy, fx = 5 / height, 6 / width
    inside = (width - 1) * fx + fy / 2 < 6 and (height - 1) * fy + fx / 2 < 5
    if kind == "NEAREST" and not inside:
        assert "reads beyond the image in the fork" in message_of(text)
        return
    net = compiled("Resample", f"resample_param {{ {fields} }}", [shape])
    x = numbers(seed, shape)
    close(outputs(net, x)[0], resampled(x, height, width, kind, antialias))


def downsampled(x, height, width):
    h, w = x.shape[2:]
    sx, sy = (w - 1) / (width - 1), (h - 1) / (height - 1)
    y = np.zeros((*x.shape[:2], height, width))
    even = np.zeros(y.shape, bool)
    for n, c, i, j in np.ndindex(y.shape):
        u, v = j / (width - 1) * (w - 1), i / (height - 1) * (h - 1)
        value = weight = unknown = 0.0
        for r, s in itertools.product(*(range(-math.ceil(k), math.ceil(k) + 1) for k in (sy, sx))):
            row, column = rounded(v) + r, rounded(u) + s
            if 0 <= row < h and 0 <= column < w:
                share = max(0, 1 - abs(column - u) / sx) * max(0, 1 - abs(row - v) / sy)
                sample = x[n, c, row, column]
                if np.isnan(sample):
                    unknown += share
                else:
                    value, weight = value + sample * share, weight + share
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.float64(unknown) / weight
            y[n, c, i, j] = np.nan if lost > 0.5 else np.float64(value) / weight
            even[n, c, i, j] = abs(lost - 0.5) < 1e-9  # either is as right
    return y, even


@few
@given(st.data(), seeds, st.floats(0, 0.6))
def test_downsample(data, seed, unknown):
    height, width = (data.draw(st.integers(2, 9)) for _ in range(2))
    shape = (1, 2, 6, 7)
    x = numbers(seed, shape)
    x[np.random.default_rng(seed).random(shape) < unknown] = np.nan
    net = compiled("Downsample", "", [shape, (1, 1, height, width)])
    alike = (height, width) == shape[2:]
    wanted, even = (x, False) if alike else downsampled(x, height, width)
    (y,) = outputs(net, x, np.zeros((1, 1, height, width)))
    close(np.where(even, 0, y), np.where(even, 0, wanted))


def test_accum_puts_maps_of_several_sizes_side_by_side():
    fields = "accum_param { size_divisible_by: 4 }"
    shapes = [(1, 2, 3, 5), (1, 1, 7, 6)]
    net = compiled("Accum", fields, shapes)
    arrays = [numbers(i, shape) for i, shape in enumerate(shapes)]
    parts = []
    for x in arrays:
        h, w = x.shape[2:]
        y = np.zeros((*x.shape[:2], 8, 8))
        for i, j in itertools.product(range(8), range(8)):
            y[0, :, i, j] = mixed(x[0], j / 7 * (w - 1), i / 7 * (h - 1), "edge")
        parts.append(y)
    close(outputs(net, *arrays)[0], np.concatenate(parts, 1))
    assert gradients_hold(net, *arrays, bottoms=(0, 1))


def test_accum_takes_a_size_from_its_reference_or_the_largest():
    fields = "accum_param { have_reference: true }"
    text = text_of("Accum", fields, [(1, 2, 3, 5), (1, 1, 7, 6)])
    assert protonet.api.graph(text).blobs["t0"].shape == (1, 2, 7, 6)
    text = text_of("Accum", "accum_param { top_height: 9 top_width: 2 }", [(1, 2, 3, 5)])
    assert protonet.api.graph(text).blobs["t0"].shape == (1, 2, 3, 5)


def test_channel_norm():
    net = compiled("ChannelNorm", "", [(2, 3, 4, 5)])
    x = numbers(0, (2, 3, 4, 5))
    close(outputs(net, x)[0], np.sqrt((x**2).sum(1, keepdims=True)))
    assert gradients_hold(net, x)
    zero = torch.zeros(1, 3, 1, 1, dtype=torch.float64, requires_grad=True)
    next(iter(compiled("ChannelNorm", "", [(1, 3, 1, 1)])(zero).values())).sum().backward()
    assert zero.grad.abs().max() == 0


@few
@given(seeds, st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0, 0.7]))
def test_l1_loss_of_flownet(seed, by_place, scaled, by_known, plateau):
    shape = (2, 3, 4, 5)
    x, target = numbers(seed, shape), numbers(seed + 1, shape)
    target[np.random.default_rng(seed).random(shape) < 0.2] = np.nan
    flags = {
        "l2_per_location": by_place,
        "l2_prescale_by_channels": scaled,
        "normalize_by_num_entries": by_known,
    }
    fields = " ".join(f"{k}: {str(v).lower()}" for k, v in flags.items()) + f" plateau: {plateau}"
    net = compiled("L1Loss", f"l1_loss_param {{ {fields} }}", [shape, shape], phase="TRAIN")
    d = x - target
    known = ~np.isnan(d)
    places = known.sum() / 3 if by_known else 2
    d = np.where(known, d, 0)
    plateau = float(np.float32(plateau))
    if by_place:
        squares = (d**2).sum(1) / (3 if scaled else 1)
        squares = np.where(squares < plateau**2, 0, squares)
        wanted = np.sqrt(squares + 0.01).sum() / places
    else:
        wanted = np.where(np.abs(d) < plateau, 0, np.abs(d)).sum() / places
    close(outputs(net, x, target)[0], wanted)


def test_l1_loss_of_one_bottom_has_gradients():
    net = compiled("L1Loss", "l1_loss_param { l2_per_location: true }", [(2, 2, 3, 4)])
    assert gradients_hold(net, numbers(0, (2, 2, 3, 4)))


@few
@given(seeds, st.sampled_from([1, 2, 1.5]), st.sampled_from([0.2, 1]), st.booleans())
def test_lpq_loss(seed, p, q, by_known):
    shape = (2, 3, 4, 5)
    x, target = numbers(seed, shape), numbers(seed + 1, shape)
    target[np.random.default_rng(seed).random(shape) < 0.2] = np.nan
    fields = f"p: {p} q: {q} q_epsilon: 0.02 p_epsilon: 0.1 "
    fields += f"normalize_by_num_entries: {str(by_known).lower()} l2_prescale_by_channels: true"
    net = compiled("LpqLoss", f"lpq_loss_param {{ {fields} }}", [shape, shape])
    d = x - target
    known = ~np.isnan(d)
    inner = ((np.abs(np.where(known, d, 0)) + 0.1) ** p).mean(1)
    wanted = ((inner + 0.02) ** q).sum() / (known.sum() / 3 if by_known else 2)
    close(outputs(net, x, target)[0], wanted)


def test_lpq_loss_has_gradients_and_one_episode():
    net = compiled("LpqLoss", "lpq_loss_param { p: 1 q: 0.4 }", [(2, 2, 3, 4)] * 2)
    x, target = numbers(0, (2, 2, 3, 4)), numbers(1, (2, 2, 3, 4))
    assert gradients_hold(net, x, target, bottoms=(0, 1))
    fields = "lpq_loss_param { p: 1 p: 2 q: 1 q: 1 pq_episode_starts_at_iter: [0, 10] }"
    told = message_of(text_of("LpqLoss", fields, [(2, 2)]))
    assert told == "layer 'l' (LpqLoss): several episodes are not supported"


def test_expmax_and_negsquare():
    x = numbers(0, (2, 3, 4, 5))
    net = compiled("ExpMax", "expmax_param { base: 2 scale: 3 shift: 1 }", [(2, 3, 4, 5)])
    shift = np.zeros((2, 1, 4, 5))
    shift[0] = x[0].max(0)  # the fork finds the largest of the first image only
    close(outputs(net, x)[0], 2.0 ** (1 + 3 * (x - shift)))
    net = compiled("NegSquare", "", [(2, 3, 4, 5)])
    close(outputs(net, x)[0], -(x**2))
    assert gradients_hold(net, x)


@pytest.mark.parametrize("slope", [0, 0.5])
def test_neg_relu(slope):
    net = compiled("NegReLU", f"relu_param {{ negative_slope: {slope} }}", [(2, 3)])
    x = numbers(0, (2, 3))
    close(outputs(net, x)[0], np.minimum(x, 0) + slope * np.maximum(x, 0))
    assert gradients_hold(net, x)


def test_one_bottom_of_eltwise_takes_a_coeff():
    net = compiled("Eltwise", "eltwise_param { coeff: 0.05 }", [(2, 3)])
    x = numbers(0, (2, 3))
    close(outputs(net, x)[0], np.float64(np.float32(0.05)) * x, rtol=1e-6)
    for fields in ("", "eltwise_param { operation: MAX coeff: 2 }"):
        with pytest.raises(NetError, match="it takes at least 2 bottoms, not 1"):
            compiled("Eltwise", fields, [(2, 3)])


def test_mean_is_taken_from_each_channel():
    fields = "mean_param { operation: SUBTRACT value: 1 value: 2 mean_scale: 3 input_scale: 0.5 "
    net = compiled("Mean", f"{fields} output_scale: 4 }}", [(2, 4, 2, 3)])
    x = numbers(0, (2, 4, 2, 3))
    mean = 3 * np.array([1, 2, 1, 2]).reshape(1, 4, 1, 1)
    close(outputs(net, x)[0], 4 * (0.5 * x - mean))


def test_a_writer_takes_flows():
    text = text_of("FLOWriter", "", [(1, 3, 2, 3)], tops=0)
    assert message_of(text) == "layer 'l' (FLOWriter): it takes (n, 2, h, w), not 1x3x2x3"


def test_a_resample_to_nothing_is_refused():
    text = text_of("Resample", "resample_param { type: NEAREST }", [(1, 2, 5, 6), (1, 1, 3, 0)])
    assert "there is no 3x0 to be made of 5x6" in message_of(text)
