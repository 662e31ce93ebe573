"""Layers over randomised fields, against the numpy of reference.py."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
small = st.integers(1, 3)


def compiled(kind, fields, shapes, tops=1, phase="TEST"):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    names = [f"t{i}" for i in range(tops)]
    given_tops = " ".join(f'top: "{name}"' for name in names)
    text += f'layer {{ name: "l" type: "{kind}" {bottoms} {given_tops} {fields} }}'
    return protonet.compile(text, phase=phase, outputs=names, faithful=True).double()


def outputs(net, *arrays):
    given_ = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    return [value.detach().numpy() for value in net(*given_).values()]


def close(actual, wanted):
    wanted = np.asarray(wanted)
    assert actual.shape == wanted.shape
    np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=1e-8)


def numbers(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def ties(seed, shape):
    """Few different values, so that many are equal."""
    return np.random.default_rng(seed).integers(0, 4, shape).astype(float)


def filled(net, seed):
    """Random parameters, as Caffe lays them out."""
    draw = np.random.default_rng(seed)
    blobs = {k: [draw.normal(size=a.shape) for a in v] for k, v in protonet.dump_blobs(net).items()}
    protonet.load_blobs(net, blobs)
    return blobs["l"]


def per_axis(name, values):
    return " ".join(f"{name}: {v}" for v in values)


@st.composite
def windows(draw, axes, widest=3):
    def each(low, high):
        return [draw(st.integers(low, high)) for _ in range(axes)]

    return {
        "kernel": each(1, widest),
        "stride": each(1, 3),
        "pad": each(0, 2),
        "dilation": each(1, 2),
    }


@quick
@given(st.data(), seeds, st.integers(0, 5), small, small, st.booleans(), st.integers(0, 2))
@pytest.mark.parametrize("kind", ["Convolution", "Deconvolution"])
def test_convolutions(kind, data, seed, axes, group, width, bias, before):
    w = data.draw(windows(axes, 2 if axes > 3 else 3))
    size = [data.draw(st.integers(1, 3 if axes > 3 else 5)) for _ in range(axes)]
    axis = before if data.draw(st.booleans()) else -axes - 1
    fields = f"num_output: {group * width} group: {group} bias_term: {str(bias).lower()} "
    fields += f"axis: {axis} " + per_axis("kernel_size", w["kernel"]) + " "
    fields += per_axis("stride", w["stride"]) + " "
    fields += per_axis("pad", w["pad"]) + " " + per_axis("dilation", w["dilation"])
    shape = (*(2, 1)[:before], group * 2, *size)
    try:
        net = compiled(kind, f"convolution_param {{ {fields} }}", [shape])
    except NetError:
        assume(False)
    weight, *rest = filled(net, seed)
    x = numbers(seed, shape)
    function = getattr(reference, kind.lower())
    options = {key: w[key] for key in ("stride", "pad", "dilation")}
    flat = x.reshape(-1, *x.shape[before:])
    wanted = function(flat, weight, rest[0] if rest else None, group=group, **options)
    close(outputs(net, x)[0], wanted.reshape(*x.shape[:before], *wanted.shape[1:]))


@quick
@given(st.data(), seeds, st.sampled_from(["MAX", "AVE", "STOCHASTIC"]), st.booleans())
def test_pooling(data, seed, method, floor):
    w = data.draw(windows(2))
    pad = [0, 0] if method == "STOCHASTIC" else w["pad"]
    size = [data.draw(st.integers(1, 8)) for _ in range(2)]
    names = ("kernel", "stride", "pad")
    values = {"kernel": w["kernel"], "stride": w["stride"], "pad": pad}
    fields = " ".join(f"{n}_h: {values[n][0]} {n}_w: {values[n][1]}" for n in names)
    fields += f" pool: {method} round_mode: {'FLOOR' if floor else 'CEIL'}"
    tops = 2 if method == "MAX" else 1
    try:
        net = compiled("Pooling", f"pooling_param {{ {fields} }}", [(1, 2, *size)], tops)
    except NetError:
        assume(False)
    x = np.abs(numbers(seed, (1, 2, *size)))
    options = {key: w[key] for key in ("kernel", "stride")}
    y, mask = reference.pooling(x, method, **options, pad=pad, floor=floor)
    actual, *places = outputs(net, x)
    assert actual.shape == y.shape
    inside = ~np.isnan(y)
    np.testing.assert_allclose(actual[inside], y[inside], rtol=1e-6, atol=1e-30)
    for place in places:
        close(place, mask)


@quick
@given(seeds, st.sampled_from([1, 3, 5, 17]), st.booleans(), st.floats(0.1, 2), st.floats(0.5, 2))
def test_lrn(seed, size, within, alpha, beta):
    alpha, beta = float(np.float32(alpha)), float(np.float32(beta))
    region = "WITHIN_CHANNEL" if within else "ACROSS_CHANNELS"
    fields = f"lrn_param {{ local_size: {size} alpha: {alpha} beta: {beta} norm_region: {region} }}"
    x = numbers(seed, (2, 4, 3, 5))
    wanted = reference.lrn(x, size=size, alpha=alpha, beta=beta, k=1, within=within)
    actual = outputs(compiled("LRN", fields, [x.shape]), x)[0]
    np.testing.assert_allclose(actual, wanted, rtol=1e-5)


@quick
@given(seeds, st.integers(1, 4), st.data(), st.booleans(), st.booleans())
def test_inner_product(seed, axes, data, transpose, bias):
    shape = tuple(data.draw(st.integers(1, 4)) for _ in range(axes))
    axis = data.draw(st.integers(-axes, axes - 1))
    fields = f"num_output: 3 axis: {axis} transpose: {str(transpose).lower()} "
    fields += f"bias_term: {str(bias).lower()}"
    net = compiled("InnerProduct", f"inner_product_param {{ {fields} }}", [shape])
    weight, *rest = filled(net, seed)
    x = numbers(seed, shape)
    matrix = weight if transpose else weight.T
    y = x.reshape(*shape[: axis % axes], -1) @ matrix
    close(outputs(net, x)[0], y + rest[0] if rest else y)


@quick
@given(seeds, st.data(), st.integers(1, 5))
@pytest.mark.parametrize("kind", ["Scale", "Bias"])
def test_scale_and_bias(kind, seed, data, axes):
    shape = tuple(data.draw(st.integers(1, 3)) for _ in range(axes))
    axis = data.draw(st.integers(-axes, axes - 1))
    start = axis % axes
    count = data.draw(st.integers(-1, axes - start))
    param = "scale_param" if kind == "Scale" else "bias_param"
    x = numbers(seed, shape)
    stop = axes if count == -1 else start + count
    inner = shape[start:stop]
    if data.draw(st.booleans()):
        net = compiled(kind, f"{param} {{ axis: {axis} num_axes: {count} }}", [shape])
        (factor,) = filled(net, seed)
        actual = outputs(net, x)[0]
    else:
        factor = numbers(seed + 1, inner)
        net = compiled(kind, f"{param} {{ axis: {axis} }}", [shape, inner])
        actual = outputs(net, x, factor)[0]
    assert factor.shape == inner
    spread = factor.reshape((*inner, *(1,) * (axes - stop))) if inner else factor
    close(actual, x * spread if kind == "Scale" else x + spread)


@quick
@given(seeds, st.data(), st.integers(1, 4), st.integers(1, 3))
def test_concat_and_slice_undo_each_other(seed, data, axes, parts):
    shape = [data.draw(st.integers(1, 3)) for _ in range(axes)]
    axis = data.draw(st.integers(-axes, axes - 1))
    sizes = [data.draw(st.integers(1, 3)) for _ in range(parts)]
    shapes = [[size if i == axis % axes else n for i, n in enumerate(shape)] for size in sizes]
    pieces = [numbers(seed + i, s) for i, s in enumerate(shapes)]
    joined = np.concatenate(pieces, axis)
    net = compiled("Concat", f"concat_param {{ axis: {axis} }}", shapes)
    close(outputs(net, *pieces)[0], joined)
    points = " ".join(f"slice_point: {p}" for p in np.cumsum(sizes)[:-1])
    net = compiled("Slice", f"slice_param {{ axis: {axis} {points} }}", [joined.shape], parts)
    for actual, wanted in zip(outputs(net, joined), pieces, strict=True):
        close(actual, wanted)


@quick
@given(seeds, st.data(), st.integers(2, 4), st.sampled_from(["SUM", "PROD", "MAX"]))
def test_eltwise(seed, data, count, operation):
    xs = [ties(seed + i, (2, 3)) - 1 for i in range(count)]
    weights = [1.0] * count
    coefficients = ""
    if operation == "SUM" and data.draw(st.booleans()):
        weights = [data.draw(st.sampled_from([1.0, -1.0, 0.5, -2.0, 0.0])) for _ in xs]
        coefficients = per_axis("coeff", weights)
    fields = f"eltwise_param {{ operation: {operation} {coefficients} }}"
    stacked = np.stack(xs)
    wanted = {
        "SUM": sum(w * x for w, x in zip(weights, xs, strict=True)),
        "PROD": stacked.prod(0),
        "MAX": stacked.max(0),
    }[operation]
    close(outputs(compiled("Eltwise", fields, [(2, 3)] * count), *xs)[0], wanted)


@quick
@given(
    seeds,
    st.integers(0, 2),
    st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE"]),
    st.sampled_from([None, 0, 2, 9]),
    st.sampled_from([1, 100]),
)
@pytest.mark.parametrize("kind", ["SoftmaxWithLoss", "InfogainLoss"])
def test_losses_over_classes(kind, seed, axis, mode, ignore, width):
    shape = [2, 2, 3]
    shape[axis] = 4
    x = numbers(seed, shape) * (width if kind == "SoftmaxWithLoss" else 1)
    labels_shape = [n for i, n in enumerate(shape) if i != axis]
    assume(labels_shape[0] == shape[0])
    labels = np.random.default_rng(seed).integers(0, 4, labels_shape).astype(float)
    loss = f"loss_param {{ normalization: {mode} "
    loss += "}" if ignore is None else f"ignore_label: {ignore} }}"
    if kind == "SoftmaxWithLoss":
        net = compiled(kind, f"softmax_param {{ axis: {axis} }} {loss}", [shape, labels_shape])
        (loss_,) = outputs(net, x, labels)
        close(loss_, reference.softmax_loss(x, labels, axis=axis, mode=mode, ignore=ignore))
    else:
        matrix = numbers(seed + 1, (4, 4))
        fields = f"infogain_loss_param {{ axis: {axis} }} {loss} loss_weight: 1 loss_weight: 0"
        net = compiled(kind, fields, [shape, labels_shape, (1, 1, 4, 4)], 2)
        loss_, p = outputs(net, x, labels, matrix[None, None])
        wanted = reference.infogain_loss(x, labels, matrix, axis=axis, mode=mode, ignore=ignore)
        close(loss_, wanted)
        close(p, reference.softmax(x, axis))


def test_the_losses_bound_a_probability_and_the_gradient_does_not():
    x = np.array([[0.0, 500.0, 499.0], [300.0, 0.0, 1.0]])
    labels, p = np.array([0.0, 0.0]), reference.softmax(x, 1)
    given_ = torch.from_numpy(x).requires_grad_()
    net = compiled("SoftmaxWithLoss", "", [(2, 3), (2,)], 1)
    loss = net(given_, torch.from_numpy(labels))["t0"]
    np.testing.assert_allclose(loss.item(), -np.log(2.0**-126) / 2)
    loss.backward()
    np.testing.assert_allclose(given_.grad, (p - np.eye(3)[[0, 0]]) / 2, atol=1e-12)
    given_, matrix = torch.from_numpy(x).requires_grad_(), np.ones((1, 1, 3, 3))
    net = compiled("InfogainLoss", "", [(2, 3), (2,), (1, 1, 3, 3)], 1)
    loss = net(given_, torch.from_numpy(labels), torch.from_numpy(matrix))["t0"]
    np.testing.assert_allclose(loss.item(), -np.log(np.maximum(p, 1e-20)).sum() / 2)
    loss.backward()
    np.testing.assert_allclose(given_.grad, (3 * p - 1) / 2, atol=1e-12)


@quick
@given(
    seeds,
    st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE"]),
    st.sampled_from([None, 0, 1, -1]),
)
def test_sigmoid_cross_entropy(seed, mode, ignore):
    x = numbers(seed, (3, 4))
    target = np.random.default_rng(seed).choice([-1.0, 0.0, 0.4, 1.0], (3, 4))
    loss = f"loss_param {{ normalization: {mode} "
    loss += "}" if ignore is None else f"ignore_label: {ignore} }}"
    net = compiled("SigmoidCrossEntropyLoss", loss, [x.shape, x.shape])
    wanted = reference.sigmoid_loss(x, target, mode=mode, ignore=ignore)
    close(outputs(net, x, target)[0], wanted)


@quick
@given(seeds, st.integers(0, 2), st.integers(1, 4), st.sampled_from([None, 1, 7]), st.booleans())
def test_accuracy_with_ties(seed, axis, top_k, ignore, by_class):
    shape = [3, 2, 2]
    shape[axis] = 4
    x = ties(seed, shape)
    labels_shape = [n for i, n in enumerate(shape) if i != axis]
    labels = np.random.default_rng(seed).integers(0, 4, labels_shape).astype(float)
    fields = f"top_k: {top_k} axis: {axis} "
    fields += "" if ignore is None else f"ignore_label: {ignore}"
    shapes = [shape, labels_shape]
    net = compiled("Accuracy", f"accuracy_param {{ {fields} }}", shapes, 1 + by_class)
    wanted = reference.accuracy(x, labels, axis=axis, top_k=top_k, ignore=ignore)
    for actual, value in zip(outputs(net, x, labels), wanted, strict=False):
        close(actual, value)


@quick
@given(seeds, st.integers(1, 3), st.booleans(), st.sampled_from([None, 0, 1, -1]))
def test_argmax_with_ties(seed, top_k, out_max_val, axis):
    x = ties(seed, (3, 4, 3))
    fields = f"top_k: {top_k} out_max_val: {str(out_max_val).lower()}"
    fields += "" if axis is None else f" axis: {axis}"
    actual = outputs(compiled("ArgMax", f"argmax_param {{ {fields} }}", [x.shape]), x)[0]
    if axis is None:
        found = [reference.largest(row, top_k) for row in x.reshape(3, -1)]
        wanted = np.array([[[i for _, i in f], [v for v, _ in f]] for f in found])
        close(actual, wanted if out_max_val else wanted[:, :1])
    else:
        part = 0 if out_max_val else 1
        pick = lambda row: [pair[part] for pair in reference.largest(row, top_k)]  # noqa: E731
        close(actual, np.apply_along_axis(pick, axis, x).astype(float))


@quick
@given(seeds, st.data(), st.integers(1, 4))
def test_reshape_and_flatten(seed, data, axes):
    shape = tuple(data.draw(st.integers(1, 4)) for _ in range(axes))
    x = numbers(seed, shape)
    start = data.draw(st.integers(-axes, axes - 1))
    end = data.draw(st.integers(start % axes, axes - 1))
    net = compiled("Flatten", f"flatten_param {{ axis: {start} end_axis: {end} }}", [shape])
    joined = (*shape[: start % axes], -1, *shape[end + 1 :])
    close(outputs(net, x)[0], x.reshape(joined))
    keep = data.draw(st.integers(0, axes))
    dims = " ".join(["dim: 0"] * keep + ["dim: -1"])
    net = compiled("Reshape", f"reshape_param {{ shape {{ {dims} }} }}", [shape])
    close(outputs(net, x)[0], x.reshape(*shape[:keep], -1))
    first = data.draw(st.integers(0, axes))
    count = data.draw(st.integers(0, axes - first))
    fields = f"reshape_param {{ axis: {first} num_axes: {count} shape {{ dim: -1 dim: 1 }} }}"
    wanted = x.reshape(*shape[:first], -1, 1, *shape[first + count :])
    close(outputs(compiled("Reshape", fields, [shape]), x)[0], wanted)


@quick
@given(seeds, st.data(), st.integers(1, 4))
def test_crop(seed, data, axes):
    size = tuple(data.draw(st.integers(1, 3)) for _ in range(axes))
    axis = data.draw(st.integers(-axes, axes - 1))
    inner = axes - axis % axes
    offsets = [data.draw(st.integers(0, 2)) for _ in range(inner)]
    shape = [n + 3 for n in size]
    x = numbers(seed, shape)
    fields = f"crop_param {{ axis: {axis} {per_axis('offset', offsets)} }}"
    net = compiled("Crop", fields, [shape, size])
    cut = [slice(None)] * (axes - inner)
    cut += [slice(o, o + n) for o, n in zip(offsets, size[axes - inner :], strict=True)]
    close(outputs(net, x, np.zeros(size))[0], x[tuple(cut)])


@quick
@given(seeds, st.integers(-3, 2), st.sampled_from(["SUM", "ASUM", "SUMSQ", "MEAN"]), st.booleans())
def test_reduction(seed, axis, operation, scaled):
    x = numbers(seed, (2, 3, 4))
    fields = f"axis: {axis} operation: {operation} coeff: {-0.5 if scaled else 1}"
    flat = x.reshape(*x.shape[: axis % 3], -1)
    y = {
        "SUM": flat.sum(-1),
        "ASUM": np.abs(flat).sum(-1),
        "SUMSQ": (flat**2).sum(-1),
        "MEAN": flat.mean(-1),
    }[operation]
    net = compiled("Reduction", f"reduction_param {{ {fields} }}", [x.shape])
    close(outputs(net, x)[0], y * (-0.5 if scaled else 1))


@quick
@given(seeds, st.integers(1, 5), st.integers(1, 3), st.integers(-2, 1))
def test_softmax_tile_and_embed(seed, axes, tiles, axis):
    shape = tuple(np.random.default_rng(seed).integers(1, 4, axes))
    axis = max(axis, -axes) if axis < 0 else min(axis, axes - 1)
    x = numbers(seed, shape)
    net = compiled("Softmax", f"softmax_param {{ axis: {axis} }}", [shape])
    close(outputs(net, x)[0], reference.softmax(x, axis))
    net = compiled("Tile", f"tile_param {{ axis: {axis} tiles: {tiles} }}", [shape])
    close(outputs(net, x)[0], np.concatenate([x] * tiles, axis))
    net = compiled("Embed", "embed_param { input_dim: 4 num_output: 3 }", [shape])
    weight, bias = filled(net, seed)
    index = ties(seed, shape)
    close(outputs(net, index)[0], weight[index.astype(int)] + bias)


@quick
@given(seeds, st.integers(1, 3), st.booleans(), st.tuples(st.integers(2, 9), st.integers(2, 9)))
def test_spp(seed, height, average, size):
    fields = f"spp_param {{ pyramid_height: {height} pool: {'AVE' if average else 'MAX'} }}"
    x = numbers(seed, (2, 2, *size))
    try:
        net = compiled("SPP", fields, [x.shape])
    except NetError:
        assume(False)
    wanted = reference.spp(x, height, average=average)
    close(outputs(net, x)[0], wanted.reshape(2, 2, 1, 1) if height == 1 else wanted)


@quick
@given(st.data(), seeds, st.integers(1, 4))
def test_im2col(data, seed, axes):
    w = data.draw(windows(axes, 2 if axes > 3 else 3))
    shape = (2, 2, *(data.draw(st.integers(1, 3 if axes > 3 else 5)) for _ in range(axes)))
    fields = per_axis("kernel_size", w["kernel"])
    for name in ("stride", "pad", "dilation"):
        fields += f" {per_axis(name, w[name])}"
    try:
        net = compiled("Im2col", f"convolution_param {{ {fields} }}", [shape])
    except NetError:
        assume(False)
    x = numbers(seed, shape)
    taps = int(np.prod(w["kernel"]))
    filters = np.eye(2 * taps).reshape(2 * taps, 2, *w["kernel"])
    options = {key: w[key] for key in ("stride", "pad", "dilation")}
    close(outputs(net, x)[0], reference.convolution(x, filters, None, group=1, **options))


@quick
@given(seeds, st.booleans(), st.booleans(), st.integers(1, 4))
def test_mvn(seed, variance, across, axes):
    x = numbers(seed, (3, 2, 4, 5)[:axes])
    fields = f"normalize_variance: {str(variance).lower()} across_channels: {str(across).lower()}"
    net = compiled("MVN", f"mvn_param {{ {fields} }}", [x.shape])
    items = int(np.prod(x.shape[:1] if across else x.shape[:2]))
    flat = x.reshape(items, -1)
    flat = flat - flat.mean(1, keepdims=True)
    if variance:
        flat = flat / (np.sqrt((flat**2).mean(1, keepdims=True)) + 1e-9)
    close(outputs(net, x)[0], flat.reshape((*x.shape, 1, 1, 1)[:4]))


@quick
@given(seeds)
def test_lstm(seed):
    x = numbers(seed, (4, 2, 3))
    keep = np.random.default_rng(seed).integers(0, 2, (4, 2)).astype(float)
    net = compiled("LSTM", "recurrent_param { num_output: 5 }", [x.shape, keep.shape])
    weight, bias, hidden = filled(net, seed)
    close(outputs(net, x, keep)[0], reference.lstm(x, keep, weight, bias, hidden))


def test_a_recurrent_state_goes_on_from_batch_to_batch():
    x, keep = numbers(0, (6, 2, 3)), np.ones((6, 2))
    keep[0] = 0
    net = compiled("LSTM", "recurrent_param { num_output: 5 }", [(3, 2, 3), (3, 2)])
    weight, bias, hidden = filled(net, 1)
    halves = [outputs(net, x[i : i + 3], keep[i : i + 3])[0] for i in (0, 3)]
    close(np.concatenate(halves), reference.lstm(x, keep, weight, bias, hidden))


@quick
@given(seeds, st.booleans())
def test_hinge_and_contrastive(seed, squared):
    x, labels = numbers(seed, (4, 3)), ties(seed, 4) % 3
    fields = f"hinge_loss_param {{ norm: {'L2' if squared else 'L1'} }}"
    lack = np.array(
        [[max(0, 1 + (-1 if labels[i] == j else 1) * x[i, j]) for j in range(3)] for i in range(4)]
    )
    wanted = ((lack**2) if squared else lack).sum() / 4
    close(outputs(compiled("HingeLoss", fields, [x.shape, (4,)]), x, labels)[0], wanted)
    other, alike = numbers(seed + 1, (4, 3)), ties(seed, 4) % 2
    legacy = str(squared).lower()
    fields = f"contrastive_loss_param {{ margin: 2 legacy_version: {legacy} }}"
    total = 0
    for a, b, same in zip(x, other, alike, strict=True):
        d = ((a - b) ** 2).sum()
        apart = max(2 - d, 0) if squared else max(2 - np.sqrt(d), 0) ** 2
        total += d if same else apart
    net = compiled("ContrastiveLoss", fields, [x.shape, x.shape, (4,)])
    close(outputs(net, x, other, alike)[0], total / 8)


@quick
@given(seeds, st.floats(-2, 2), st.floats(-2, 2), st.sampled_from([-1, 2, 3.5]))
def test_power_exp_and_log(seed, scale, shift, base):
    scale, shift = float(np.float32(scale)), float(np.float32(shift))
    x = numbers(seed, (2, 3))
    net = compiled("Exp", f"exp_param {{ base: {base} scale: {scale} shift: {shift} }}", [x.shape])
    inner = scale * x + shift
    wanted = np.exp(inner) if base == -1 else base**inner
    np.testing.assert_allclose(outputs(net, x)[0], wanted, rtol=1e-5)
    fields = f"power_param {{ power: 2 scale: {scale} shift: {shift} }}"
    np.testing.assert_allclose(
        outputs(compiled("Power", fields, [x.shape]), x)[0], inner**2, rtol=1e-5, atol=1e-7
    )
    positive = np.abs(scale) * np.abs(x) + np.abs(shift) + 0.1
    fields = f"log_param {{ base: {base} scale: 1 shift: 0 }}"
    wanted = np.log(positive) / (1 if base == -1 else np.log(base))
    net = compiled("Log", fields, [x.shape])
    np.testing.assert_allclose(outputs(net, positive)[0], wanted, rtol=1e-5, atol=1e-7)


NEURONS = {
    "AbsVal": ("", np.abs),
    "BNLL": ("", lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)),
    "Clip": ("clip_param { min: -0.5 max: 1 }", lambda x: np.clip(x, -0.5, 1)),
    "ELU": ("elu_param { alpha: 0.5 }", lambda x: np.where(x > 0, x, 0.5 * np.expm1(x))),
    "ReLU": ("relu_param { negative_slope: 0.25 }", lambda x: np.where(x > 0, x, 0.25 * x)),
    "Sigmoid": ("", lambda x: 1 / (1 + np.exp(-x))),
    "Swish": ("swish_param { beta: 2 }", lambda x: x / (1 + np.exp(-2 * x))),
    "TanH": ("", np.tanh),
    "Threshold": ("threshold_param { threshold: 0.5 }", lambda x: (x > 0.5).astype(float)),
    "Power": ("power_param { power: 0 scale: 3 shift: 2 }", np.ones_like),
}


@quick
@given(seeds, st.integers(1, 5), st.booleans())
@pytest.mark.parametrize("kind", sorted(NEURONS))
def test_neurons(kind, seed, axes, in_place):
    fields, function = NEURONS[kind]
    shape = tuple(np.random.default_rng(seed).integers(1, 4, axes))
    x = numbers(seed, shape)
    close(outputs(compiled(kind, fields, [shape]), x)[0], function(x))
    if in_place and kind != "AbsVal":  # which Caffe keeps from it
        dims = " ".join(f"dim: {n}" for n in shape)
        text = f'input: "x" input_shape {{ {dims} }} '
        text += f'layer {{ name: "l" type: "{kind}" bottom: "x" top: "x" {fields} }}'
        given_ = torch.from_numpy(x)
        close(protonet.compile(text).double()(given_).numpy(), function(x))
        close(given_.numpy(), x)


@quick
@given(seeds, st.integers(2, 4), st.booleans())
def test_prelu(seed, axes, shared):
    shape = (2, *np.random.default_rng(seed).integers(1, 4, axes - 1))
    net = compiled("PReLU", f"prelu_param {{ channel_shared: {str(shared).lower()} }}", [shape])
    (slope,) = filled(net, seed)
    x = numbers(seed, shape)
    spread = slope.reshape(-1, *(1,) * (axes - 2))
    close(outputs(net, x)[0], np.where(x > 0, x, spread * x))


@quick
@given(seeds, st.integers(2, 5), st.sampled_from([0.0, 1.0, 2.5]), st.booleans())
def test_batch_norm(seed, axes, factor, training):
    shape = (3, *np.random.default_rng(seed).integers(2, 4, axes - 1))
    net = compiled("BatchNorm", "", [shape], phase="TRAIN" if training else "TEST")
    draw = np.random.default_rng(seed + 1)
    mean, variance = draw.normal(size=shape[1]), draw.uniform(0.5, 2, shape[1])
    protonet.load_blobs(net, {"l": [mean, variance, np.array([factor])]})
    x = numbers(seed, shape)
    over = (0, *range(2, axes))
    spread = (-1, *(1,) * (axes - 2))
    scale = 1 / factor if factor else 0
    m, v = (x.mean(over), x.var(over)) if training else (mean * scale, variance * scale)
    wanted = (x - m.reshape(spread)) / np.sqrt(v.reshape(spread) + 1e-5)
    np.testing.assert_allclose(outputs(net, x)[0], wanted, rtol=1e-5, atol=1e-7)
    after = protonet.dump_blobs(net)["l"]
    if training:
        count = x.size // shape[1]
        kept = [0.999 * mean + m, 0.999 * variance + v * count / (count - 1), 0.999 * factor + 1]
        for actual, value in zip(after, kept, strict=True):
            np.testing.assert_allclose(actual, np.reshape(value, actual.shape), rtol=1e-5)


@quick
@given(seeds)
def test_rows_by_number_and_by_selector(seed):
    draw = np.random.default_rng(seed)
    x, index = numbers(seed, (5, 2, 3)), draw.integers(0, 5, 7).astype(float)
    close(outputs(compiled("BatchReindex", "", [x.shape, (7,)]), x, index)[0], x[index.astype(int)])
    selector = draw.integers(0, 2, 5).astype(float)
    other = numbers(seed + 1, (5, 1))
    net = compiled("Filter", "", [x.shape, other.shape, (5,)], 2)
    for actual, blob in zip(outputs(net, x, other, selector), (x, other), strict=True):
        close(actual, blob[selector != 0])


@quick
@given(seeds)
def test_distances_and_probabilities(seed):
    a, b = numbers(seed, (3, 4)), numbers(seed + 1, (3, 4))
    net = compiled("EuclideanLoss", "", [(3, 4), (3, 2, 2)])
    close(outputs(net, a, b.reshape(3, 2, 2))[0], ((a - b) ** 2).sum() / 6)
    p, labels = np.abs(a) * np.array([1, 1, 0, 1]), ties(seed, 3)
    own = np.maximum(p[np.arange(3), labels.astype(int)], 1e-20)
    net = compiled("MultinomialLogisticLoss", "", [(3, 4), (3,)])
    close(outputs(net, p, labels)[0], -np.log(own).mean())


@quick
@given(seeds)
def test_rnn_and_lstm_unit(seed):
    x, keep = numbers(seed, (4, 2, 3)), np.random.default_rng(seed).integers(0, 2, (4, 2)) * 1.0
    net = compiled("RNN", "recurrent_param { num_output: 5 }", [x.shape, keep.shape])
    weight, bias, hidden, out, out_bias = filled(net, seed)
    h, steps = np.zeros((2, 5)), []
    for t in range(4):
        h = np.tanh(x[t] @ weight.T + bias + (keep[t][:, None] * h) @ hidden.T)
        steps.append(np.tanh(h @ out.T + out_bias))
    close(outputs(net, x, keep)[0], np.stack(steps))
    cell, gates, on = numbers(seed, (1, 2, 3)), numbers(seed + 1, (1, 2, 12)), keep[:1]
    i, f, o = (1 / (1 + np.exp(-g)) for g in np.split(gates[..., :9], 3, axis=2))
    after = on[..., None] * f * cell + i * np.tanh(gates[..., 9:])
    net = compiled("LSTMUnit", "", [cell.shape, gates.shape, on.shape], 2)
    wanted_ = (after, o * np.tanh(after))
    for actual, wanted in zip(outputs(net, cell, gates, on), wanted_, strict=True):
        close(actual, wanted)
