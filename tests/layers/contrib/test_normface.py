"""NormFace's layers: unit and given weights, bounds, losses of distances, a label's own score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from normface_reference import contrastive, lse_margin, triplet
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError
from protonet.api import graph

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=8)
some = settings(quick, max_examples=20)
flags = st.booleans()


def lengths(rows):
    return np.sqrt((rows**2).sum(1, keepdims=True) + 1e-6)


def trained(net, *arrays, down):
    """The net's first top, and the gradients of the first bottom and of the layer's weight."""
    inputs = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    inputs[0].requires_grad_(True)
    top = net(*inputs)["t0"]
    top.backward(torch.from_numpy(down))
    weight = net.l.weight.grad if hasattr(net.l, "weight") else None
    return top.detach().numpy(), inputs[0].grad.numpy(), weight


@few
@given(seeds)
def test_inner_product_with_unit_weights(seed):
    fields = "inner_product_param { num_output: 4 normalize: true bias_term: false }"
    net = compiled("InnerProduct", fields, [(3, 2, 3)], phase="TRAIN")
    (weight,) = filled(net, seed)
    x, down = numbers(seed + 1, (3, 2, 3)), numbers(seed + 2, (3, 4))
    rows = weight / lengths(weight)
    net.eval()
    close(outputs(net, x)[0], x.reshape(3, 6) @ rows.T)
    close(net.l.weight.detach().numpy(), weight)
    net.train()
    top, slope, pull = trained(net, x, down=down)
    close(top, x.reshape(3, 6) @ rows.T)
    close(slope, (down @ rows).reshape(x.shape))
    close(pull.numpy(), down.T @ x.reshape(3, 6))
    close(net.l.weight.detach().numpy(), rows)


@few
@given(seeds, flags)
def test_inner_product_with_given_weights(seed, biased):
    shapes = [(3, 2, 3), (4, 6, 1), (4,)][: 2 + biased]
    fields = f"inner_product_param {{ bias_term: {str(biased).lower()} num_output: 9 }}"
    net = compiled("InnerProduct", fields, shapes)
    arrays = [numbers(seed + i, shape) for i, shape in enumerate(shapes)]
    wanted = arrays[0].reshape(3, 6) @ arrays[1].reshape(4, 6).T
    close(outputs(net, *arrays)[0], wanted + (arrays[2] if biased else 0))
    gradients_hold(net, *arrays, bottoms=range(len(arrays)))


def apart(x, rows, kind):
    each = x.reshape(len(x), 1, -1) - rows.reshape(1, len(rows), -1)
    return each, (each**2 if kind == "L2" else np.abs(each)).sum(2)


@few
@given(seeds, st.sampled_from(["L1", "L2"]))
def test_inner_distance_to_unit_vectors(seed, kind):
    fields = f'inner_distance_param {{ num_output: 4 distance_type: "{kind}" normalize: true }}'
    net = compiled("InnerDistance", fields, [(3, 2, 3)], phase="TRAIN")
    (weight,) = filled(net, seed)
    x, down = numbers(seed + 1, (3, 2, 3)), numbers(seed + 2, (3, 4))
    rows = weight / lengths(weight)
    each, wanted = apart(x, rows, kind)
    factor = 2 * each if kind == "L2" else np.sign(each)
    top, slope, pull = trained(net, x, down=down)
    close(top, wanted)
    close(slope, (factor * down[..., None]).sum(1).reshape(x.shape))
    close(pull.numpy(), -(factor * down[..., None]).sum(0))
    close(net.l.weight.detach().numpy(), rows)


@few
@given(seeds, st.sampled_from(["L1", "L2"]), flags)
def test_inner_distance_to_given_vectors(seed, kind, own_only):
    fields = f'distance_type: "{kind}" update_center_only: {str(own_only).lower()}'
    shapes = [(5, 2, 3), (4, 6), (5,)][: 2 + own_only]
    net = compiled("InnerDistance", f"inner_distance_param {{ {fields} }}", shapes)
    x, rows = numbers(seed, (5, 2, 3)), numbers(seed + 1, (4, 6))
    labels = np.random.default_rng(seed).integers(0, 4, 5)
    given_rows = torch.from_numpy(rows).requires_grad_(True)
    given_x, down = torch.from_numpy(x).requires_grad_(True), numbers(seed + 2, (5, 4))
    extra = (torch.from_numpy(labels).double(),) if own_only else ()
    top = net(given_x, given_rows, *extra)["t0"]
    each, wanted = apart(x, rows, kind)
    close(top.detach().numpy(), wanted)
    top.backward(torch.from_numpy(down))
    factor = 2 * each if kind == "L2" else np.sign(each)
    close(given_x.grad.numpy(), (factor * down[..., None]).sum(1).reshape(x.shape))
    if own_only:
        down = down * (labels[:, None] == np.arange(4))
    close(given_rows.grad.numpy(), -(factor * down[..., None]).sum(0))


@few
@given(seeds, flags)
def test_scale_within_bounds(seed, biased):
    fields = f"min_value: -0.25 max_value: 0.5 bias_term: {str(biased).lower()}"
    net = compiled("Scale", f"scale_param {{ {fields} }}", [(2, 3, 4)], phase="TRAIN")
    weight, *bias = filled(net, seed)
    x, down = numbers(seed + 1, (2, 3, 4)), numbers(seed + 2, (2, 3, 4))
    bounded = np.clip(weight, -0.25, 0.5)
    shift = bias[0][:, None] if biased else 0
    net.eval()
    close(outputs(net, x)[0], x * bounded[:, None] + shift)
    close(net.l.weight.detach().numpy(), weight)
    net.train()
    top, slope, pull = trained(net, x, down=down)
    close(top, x * bounded[:, None] + shift)
    close(slope, down * bounded[:, None])
    close(pull.numpy(), (down * x).sum((0, 2)))
    close(net.l.weight.detach().numpy(), bounded)


def test_a_scale_without_bounds_is_caffes():
    assert "BoundedScale" not in protonet.emit(text_of("Scale", "", [(2, 3)]), faithful=True)


def test_parameter_starts_from_its_filler():
    text = 'layer { name: "l" type: "Parameter" top: "w" parameter_param { shape { dim: 200 '
    text += 'dim: 3 dim: 4 } blob_filler { type: "gaussian_unitball" } } }'
    torch.manual_seed(3)
    net = protonet.compile(text)
    rows = protonet.dump_blobs(net)["l"][0].reshape(200, 12)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    # Directions at random: no coordinate is favoured, within five standard errors.
    assert np.abs(rows.mean(0)).max() < 5 / np.sqrt(200 * 12)
    np.testing.assert_allclose((rows**2).mean(0), 1 / 12, rtol=0.5)


@pytest.mark.parametrize("kind", ["InnerProduct", "Convolution"])
def test_an_identity_keeps_what_it_takes(kind):
    shape = (2, 3) if kind == "InnerProduct" else (2, 3, 4, 4)
    field = {"InnerProduct": "inner_product_param", "Convolution": "convolution_param"}[kind]
    size = "" if kind == "InnerProduct" else "kernel_size: 1 "
    size += "bias_term: false"
    fields = f'{field} {{ num_output: 3 {size} weight_filler {{ type: "identity" }} }}'
    x = numbers(1, shape)
    close(outputs(compiled(kind, fields, [shape]), x)[0], x)


@few
@given(seeds, st.integers(1, 3))
def test_accuracy_of_distances(seed, top_k):
    draw = np.random.default_rng(seed)
    x, labels = draw.normal(size=(6, 4)), draw.integers(0, 4, 6)
    fields = f"accuracy_param {{ min_is_better: true top_k: {top_k} }}"
    best = np.argsort(x, axis=1)[:, :top_k]
    wanted = (best == labels[:, None]).any(1).mean()
    close(outputs(compiled("Accuracy", fields, [(6, 4), (6,)]), x, labels)[0], wanted)


CONTRASTIVE = {
    "plain": {},
    "margins": {"positive_margin": 0.4, "negative_margin": 1.5, "positive_outlier_thresh": 1.2},
    "weights": {"positive_weight": 2.0, "negative_weight": 0.5, "exp_negative_weight": True},
    "hardest": {"max_negative_only": True, "max_positive_only": True, "negative_margin": 2.0},
    "first": {"positive_first": True, "positive_upper_bound": 0.9, "max_negative_only": True},
    "normed": {"normalize_negative": 0.25, "negative_margin": 3.0, "exp_negative_weight": True},
    "raised": {"add_intra_mae": True, "max_negative_margin": 0.012},
}


def stated(fields):
    shown = {k: str(v).lower() if isinstance(v, bool) else v for k, v in fields.items()}
    return " ".join(f"{k}: {v}" for k, v in shown.items())


@some
@given(seeds, st.sampled_from(sorted(CONTRASTIVE)), flags)
def test_general_contrastive_loss(seed, name, other):
    fields, draw = CONTRASTIVE[name], np.random.default_rng(seed)
    shapes = [(6, 5), (6,), (6, 5)][: 2 + other]
    given_fields = f"general_contrastive_loss_param {{ {stated(fields)} }} loss_weight: 0.5"
    text = text_of("GeneralContrastiveLoss", given_fields + " loss_weight: 0", shapes, 2)
    net = protonet.compile(text, phase="TRAIN", outputs=["t0", "t1", "objective"]).double()
    raised = 0.0
    for _ in range(3):
        x, labels = draw.uniform(0, 2.5, (6, 5)), draw.integers(0, 5, 6)
        data = draw.uniform(0, 2.5, (6, 5)) if other else x
        loss, means, slope, raised = contrastive(data, labels, raised, **fields)
        given_x = torch.from_numpy(x).requires_grad_(True)
        extra = (torch.from_numpy(data),) if other else ()
        result = net(given_x, torch.from_numpy(labels).double(), *extra)
        result["objective"].backward()
        close(result["t0"].detach().numpy(), loss)
        close(result["t1"].numpy(), means)
        close(given_x.grad.numpy(), 0.5 * slope)


TRIPLET = {
    "plain": {},
    "hardest": {"hardest_only": True, "margin": 0.8, "negative_weight": 2.0},
    "without": {"add_center_loss": False, "positive_weight": 3.0, "hardest_only": True},
    "sparse": {"add_center_loss": False},
    "first": {"positive_first": True, "positive_upper_bound": 0.9},
}


@some
@given(seeds, st.sampled_from(sorted(TRIPLET)))
def test_general_triplet_loss(seed, name):
    fields, draw = TRIPLET[name], np.random.default_rng(seed)
    x, labels = draw.uniform(0, 2, (6, 5)), draw.integers(0, 5, 6)
    x[draw.integers(0, 6), draw.integers(0, 5)] = 0  # where the fork leaves the loss
    given_fields = f"general_triplet_loss_param {{ {stated(fields)} }} loss_weight: 0.5"
    text = text_of("GeneralTripletLoss", given_fields + " loss_weight: 0", [(6, 5), (6,)], 2)
    net = protonet.compile(text, phase="TRAIN", outputs=["t0", "t1", "objective"]).double()
    loss, means, slope = triplet(x, labels, **fields)
    given_x = torch.from_numpy(x).requires_grad_(True)
    result = net(given_x, torch.from_numpy(labels).double())
    result["objective"].backward()
    close(result["t0"].detach().numpy(), loss)
    close(result["t1"].numpy(), means)
    close(given_x.grad.numpy(), 0.5 * slope)


@few
@given(seeds, flags, flags)
def test_label_specific_rescale(seed, for_ip, bias_fix):
    fields = f"for_ip: {str(for_ip).lower()} bias_fix: {str(bias_fix).lower()} negative_weight: 3 "
    fields += "positive_weight_base: 8 gamma: 0.5 power: 2 positive_weight_min: 1.25 iteration: 1"
    shapes = [(5, 4), (5,)]
    net = compiled(
        "LabelSpecificRescale",
        f"label_specific_rescale_param {{ {fields} }}",
        shapes,
        2,
        phase="TRAIN",
    )
    draw = np.random.default_rng(seed)
    for step in (2, 3):
        x, labels = draw.normal(size=(5, 4)), draw.integers(0, 4, 5)
        weight = max(8 * (1 + 0.5 * step) ** -2.0, 1.25)
        wanted = x * 3
        for i, label in enumerate(labels):
            own = x[i, label] * weight + (1 - weight if bias_fix else 0)
            wanted[i, label] = own if x[i, label] > 0 or not for_ip else x[i, label]
        top, share = outputs(net, x, labels)
        close(top, wanted)
        close(share, [weight])
    net.eval()
    close(outputs(net, x, labels)[0], x)


def test_label_specific_rescale_in_testing():
    fields = "label_specific_rescale_param { positive_weight: 4 rescale_test: true }"
    net = compiled("LabelSpecificRescale", fields, [(2, 3), (2,)])
    x = numbers(1, (2, 3))
    close(outputs(net, x, [2, 0])[0], x * [[1, 1, 4], [4, 1, 1]])
    gradients_hold(net, x, [2, 0])


@few
@given(seeds, flags)
def test_label_specific_add(seed, scheduled):
    fields = "bias: 0.25"
    if scheduled:
        fields = "bias_base: 0.1 bias_gamma: 0.5 bias_power: 2 bias_min: 0.2 bias_max: 1.5"
    net = compiled(
        "LabelSpecificAdd",
        f"label_specific_add_param {{ {fields} }}",
        [(5, 4), (5,)],
        2,
        phase="TRAIN",
    )
    draw = np.random.default_rng(seed)
    for step in range(3):
        x, labels = draw.normal(size=(5, 4)), draw.integers(0, 4, 5)
        bias = min(max(0.1 + (1 + 0.5 * step) ** 2 - 1, 0.2), 1.5) if scheduled else 0.25
        wanted = x.copy()
        for i, label in enumerate(labels):
            wanted[i, label] += bias if x[i, label] > -bias else 0
        top, share = outputs(net, x, labels)
        close(top, wanted)
        close(share, [bias])
    gradients_hold(compiled("LabelSpecificAdd", "", [(5, 4), (5,)], phase="TRAIN"), x, labels)
    net.eval()
    close(outputs(net, x, labels)[0], x)


@few
@given(seeds, flags)
def test_global_lse_margin(seed, given_scale):
    shapes = [(8, 4), (8,), (8, 1)][: 2 + given_scale]
    fields = "scale_param { filler { value: 6 } max_value: 5 }"
    net = compiled("GlobalLSEMargin", fields, shapes, 2, phase="TRAIN")
    draw, margin = np.random.default_rng(seed), 0.0
    for step in range(3):
        labels = draw.integers(0, 4, 8)
        x = draw.uniform(-1, 1, (8, 4))
        x[np.arange(8), labels] = draw.normal(0.4 + 0.2 * step, 0.1, 8)
        scale = draw.uniform(2, 9, 8) if given_scale else np.full(8, 5.0)
        extra = (scale[:, None],) if given_scale else ()
        y, means, margin = lse_margin(x, labels, scale, margin)
        top, told = outputs(net, x, labels, *extra)
        close(top, y, rtol=1e-5)
        close(told, means, rtol=1e-5)
        close(net.l.margin.numpy(), [margin], rtol=1e-5)
    net.eval()
    held = [torch.from_numpy(np.asarray(a, np.float64)) for a in (x, labels, *extra)]
    held[0].requires_grad_(True)
    down = draw.normal(size=(8, 4))
    y, _, _ = lse_margin(x, labels, scale, margin)
    net(*held)["t0"].backward(torch.from_numpy(down))
    close(held[0].grad.numpy(), down * scale[:, None])
    if not given_scale:
        close(net.l.scale.grad.numpy(), [(down * y / 5).sum()], rtol=1e-5)
    close(net.l.margin.numpy(), [margin], rtol=1e-5)


REFUSED = [
    ("GlobalLSEMargin", "", [(4, 3), (3,)], "4 rows take as many"),
    ("InnerProduct", "", [(2, 3), (4, 3)], "adds a blob that it has not"),
    ("InnerProduct", "inner_product_param { bias_term: false }", [(2, 3), (4, 2)], "3 inputs"),
    ("InnerProduct", "inner_product_param { transpose: true }", [(2, 3), (3, 3)], "transpose"),
    ("InnerDistance", "", [(2, 3), (4, 2)], "not as long"),
    ("InnerDistance", "inner_distance_param { update_center_only: true }", [(2, 3)], "three"),
    ("Scale", "scale_param { min_value: 1 }", [(2, 3), (3,)], "second bottom"),
    ("Scale", "scale_param { min_value: 1 max_value: 0 }", [(2, 3)], "above max_value"),
    ("GeneralContrastiveLoss", "", [(2, 3), (3,)], "batch size"),
    (
        "LabelSpecificRescale",
        "label_specific_rescale_param { power_on_positive: true }",
        [(2, 3), (2,)],
        "angle on a GPU",
    ),
    ("LabelSpecificAdd", "", [(2, 3), (3,)], "a label a row"),
]


@pytest.mark.parametrize(("kind", "fields", "shapes", "words"), REFUSED)
def test_refusals_say_why(kind, fields, shapes, words):
    with pytest.raises(NetError, match="layer 'l'") as caught:
        compiled(kind, fields, shapes)
    assert words in str(caught.value)


def test_a_learned_scale_does_not_decay_unless_told():
    def multipliers(fields):
        *_, node = graph(text_of("GlobalLSEMargin", fields, [(4, 3), (4,)])).nodes
        return [param.decay_mult for param in node.params][:1]

    assert multipliers("") == [0.0]
    assert multipliers("param { lr_mult: 2 }") == [1.0]
