"""Layers of nets for two domains and for identities: MAF, DAN and person_search."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet import NetError

seeds = pytest.mark.parametrize("seed", [1, 20])


@seeds
def test_cosine_dis(seed):
    shapes = [(2, 4), (2, 4, 1, 1), (3, 4)]
    net = compiled("CosineDis", "", shapes, 2)
    a, b, words = numbers(seed, (2, 4)), numbers(seed + 1, (2, 4)), numbers(seed + 2, (3, 4))
    tensors = [torch.from_numpy(x).requires_grad_(True) for x in (a, b, words)]
    result = net(tensors[0], tensors[1].view(2, 4, 1, 1), tensors[2])
    wanted, down = np.zeros((4, 4)), numbers(seed + 3, (4, 4))
    slopes = np.zeros_like(a), np.zeros_like(b)
    for i in range(2):
        for half, (own, other) in enumerate(((a, b), (b, a))):
            rows = np.concatenate([other[i : i + 1], words])
            wanted[i + 2 * half] = rows @ own[i]
            slopes[half][i] = rows.T @ down[i + 2 * half]
    close(result["t0"].detach().numpy(), wanted)
    close(result["t1"].numpy(), np.zeros(4))
    result["t0"].backward(torch.from_numpy(down))
    close(tensors[0].grad.numpy(), slopes[0])
    close(tensors[1].grad.numpy(), slopes[1])
    assert tensors[2].grad is None


@pytest.mark.parametrize(("seed", "margin"), [(1, 0.5), (2, 3.0)])
def test_triplet_loss_of_four_bottoms(seed, margin):
    shapes = [(3, 4), (3, 4), (3, 4), (3, 1)]
    net = compiled("TripletLoss", f"triplet_loss_param {{ margin: {margin} }}", shapes)
    a, p, n = (numbers(seed + k, (3, 4)) for k in range(3))
    weights = np.abs(numbers(seed + 3, (3, 1)))
    total = 0.0
    for i in range(3):
        apart = ((a[i] - p[i]) ** 2).sum() - ((a[i] - n[i]) ** 2).sum()
        total += weights[i, 0] * max(margin + apart, 0)
    close(outputs(net, a, p, n, weights)[0], np.full((1, 1, 1, 1), total / 3 / 2))
    assert gradients_hold(net, a, p, n, weights, bottoms=(0, 1, 2))


KINDS = {
    "bernoulli": ("", 5),
    "gaussian": ("std1: 2 std2: 0.5", 5 * 2 * 0.5),
    "uniform": ("a1: 0 b1: 3 a2: -1 b2: 2", 5 * 3 * 2 / 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_random_maclaurin(kind):
    fields, divisor = KINDS[kind]
    fields += f' num_output: 5 distribution_type: "{kind}" epoch_size: 2'
    net = compiled("RandomMaclaurin", f"random_maclaurin_param {{ {fields} }}", [(2, 3), (2, 4)])
    first, second = filled(net, 1)
    assert first.shape == (3, 5)
    assert second.shape == (4, 5)
    x, z = numbers(2, (2, 3)), numbers(3, (2, 4))
    down = numbers(4, (2, 5))
    wanted = (x @ first) * (z @ second) / divisor
    tensors = [torch.from_numpy(value).requires_grad_(True) for value in (x, z)]
    result = net(*tensors)["t0"]
    close(result.detach().numpy(), wanted)
    result.backward(torch.from_numpy(down))
    close(tensors[0].grad.numpy(), np.zeros_like(x))
    close(tensors[1].grad.numpy(), (down * (x @ first)) @ second.T / divisor)
    assert not net.l.first.grad.any()
    assert not net.l.second.grad.any()


def test_random_maclaurin_draws_anew():
    net = compiled(
        "RandomMaclaurin",
        "random_maclaurin_param { num_output: 200 epoch_size: 2 }",
        [(2, 3), (2, 4)],
    )
    x, z = np.ones((2, 3)), np.ones((2, 4))
    filled(net, 1)
    passes = [outputs(net, x, z)[0] for _ in range(9)]
    same = [np.array_equal(a, b) for a, b in zip(passes, passes[1:], strict=False)]
    # The first matrices serve two passes, later ones three.
    assert same == [True, False, True, True, False, True, True, False]
    drawn = protonet.dump_blobs(net)["l"]
    assert all(set(np.unique(matrix)) == {0, 1} for matrix in drawn)
    spreads = {"std1: 2 std2: 3": "gaussian", "a1: 4 b1: 5 a2: -2 b2: -1": "uniform"}
    for spread, kind in spreads.items():
        fields = f'num_output: 900 distribution_type: "{kind}" {spread}'
        made = compiled(
            "RandomMaclaurin", f"random_maclaurin_param {{ {fields} }}", [(1, 9), (1, 9)]
        )
        first, second = protonet.dump_blobs(made)["l"]
        if kind == "gaussian":
            assert 1.9 < first.std() < 2.1
            assert 2.85 < second.std() < 3.15
        else:
            for matrix, low in ((first, 4), (second, -2)):
                assert low <= matrix.min() < low + 0.1
                assert low + 0.9 < matrix.max() <= low + 1


@seeds
@pytest.mark.parametrize("momentum", [0.5, 0.0, 0.9])
def test_labeled_matching(seed, momentum):
    fields = f"labeled_matching_param {{ num_classes: 3 momentum: {momentum} }}"
    net = compiled("LabeledMatching", fields, [(6, 4), (6,)], 2, phase="TRAIN").train()
    rows, passes = filled(net, seed)
    x, down = numbers(seed, (6, 4)), numbers(seed + 1, (6, 3))
    labels = np.random.default_rng(seed).integers(-2, 5, 6).astype(float)
    given_x = torch.from_numpy(x).requires_grad_(True)
    result = net(given_x, torch.from_numpy(labels))
    close(result["t0"].detach().numpy(), x @ rows.T)
    known = [label if 0 <= label < 3 else -1 for label in labels]
    close(result["t1"].numpy(), np.array(known))
    result["t0"].backward(torch.from_numpy(down))
    close(given_x.grad.numpy(), down @ rows)
    rows, passes = rows.copy(), passes + 1
    for feature, label in zip(x, labels.astype(int), strict=True):
        if 0 <= label < 3:
            rows[label] = momentum * rows[label] + (1 - momentum) * feature
            passes[label] = 0
    stored = protonet.dump_blobs(net)["l"]
    close(stored[0], rows, 1e-5)
    close(stored[1], passes, 1e-5)
    assert not net.l.rows.grad.any()


@seeds
def test_unlabeled_matching(seed):
    fields = "unlabeled_matching_param { queue_size: 4 }"
    net = compiled("UnlabeledMatching", fields, [(7, 2), (7, 1)], phase="TRAIN").train()
    (queue,) = filled(net, seed)
    queue, tail = queue.copy(), 0
    draw = np.random.default_rng(seed)
    for step in range(3):
        x, down = numbers(seed + step, (7, 2)), numbers(seed - step - 1 + 2**17, (7, 4))
        labels = draw.integers(-2, 1, (7, 1))
        given_x = torch.from_numpy(x).requires_grad_(True)
        result = net(given_x, torch.from_numpy(labels).double())["t0"]
        result.backward(torch.from_numpy(down))
        close(result.detach().numpy(), x @ queue.T, 1e-5)
        close(given_x.grad.numpy(), down @ queue, 1e-5)
        for feature, label in zip(x, labels[:, 0], strict=True):
            if label == -1:
                queue[tail] = feature
                tail = (tail + 1) % 4
        close(protonet.dump_blobs(net)["l"][0], queue, 1e-5)


MATCHING = [
    ("LabeledMatching", "labeled_matching_param { num_classes: 3 }", 2),
    ("UnlabeledMatching", "unlabeled_matching_param { queue_size: 3 }", 1),
]


@pytest.mark.parametrize(("kind", "fields", "tops"), MATCHING)
def test_what_is_remembered_stays(kind, fields, tops):
    """In a test, and where lr_mult is 0."""
    still = "param { lr_mult: 0 } " * tops
    for phase, params in (("TEST", ""), ("TRAIN", still)):
        net = compiled(kind, f"{params} {fields}", [(2, 4), (2,)], tops, phase=phase)
        net.train(phase == "TRAIN")
        before = filled(net, 1)
        x = numbers(2, (2, 4))
        outputs(net, x, [-1.0, 1.0])
        for old, new in zip(before, protonet.dump_blobs(net)["l"], strict=True):
            close(new, old)


def pairs_of(source, target):
    """The pairs that torch draws, and the sums of kernels by them."""
    size, picked = max(len(source), len(target)), []
    for x in (source, target):
        first, second = torch.randint(len(x), (2, size)).numpy()
        second = np.where(first == second, (second + 1) % len(x), second)
        picked += [first, second]
    return picked


def kernels(apart, gamma, count, factor):
    scales = [gamma * factor ** (k - count // 2) for k in range(count)]
    value = sum(np.exp(-g * (apart**2).sum()) for g in scales)
    return value, sum(-2 * g * np.exp(-g * (apart**2).sum()) for g in scales) * apart


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(("count", "factor"), [(5, 2.0), (2, 3.0)])
def test_mmd_loss(fixed, count, factor):
    fields = f"kernel_num: {count} kernel_mul: {factor} fix_gamma: {str(fixed).lower()}"
    text = text_of("MMDLoss", f"mmd_param {{ {fields} }} loss_weight: 0.5", [(3, 2, 2), (5, 4)])
    net = protonet.compile(text, phase="TRAIN").double()
    gamma = None
    for step in range(2):
        source, target = numbers(step, (3, 4)), numbers(step + 9, (5, 4)) + 1
        tensors = [torch.from_numpy(x).requires_grad_(True) for x in (source, target)]
        torch.manual_seed(step)
        result = net(tensors[0].view(3, 2, 2), tensors[1])
        result["objective"].backward()
        if gamma is None or not fixed:
            both = np.concatenate([source, target])
            total = sum(((x - y) ** 2).sum() for x in both for y in both)
            gamma = 8 * 7 / total
        torch.manual_seed(step)
        value, slopes = 0.0, {"s": np.zeros_like(source), "t": np.zeros_like(target)}
        data = {"s": source, "t": target}
        for is_slope in (False, True):
            for s1, s2, t1, t2 in zip(*pairs_of(source, target), strict=True):
                terms = ((1, "s", s1, "s", s2), (1, "t", t1, "t", t2))
                terms += ((-1, "s", s1, "t", t2), (-1, "s", s2, "t", t1))
                for sign, one, i, other, j in terms:
                    apart = data[one][i] - data[other][j]
                    part, slope = kernels(apart, gamma, count, factor)
                    if is_slope:
                        slopes[one][i] += 0.5 * sign * slope / 5
                        slopes[other][j] -= 0.5 * sign * slope / 5
                    else:
                        value += sign * part
        close(result["t0"].detach().numpy(), np.array(value))
        close(tensors[0].grad.numpy(), slopes["s"])
        close(tensors[1].grad.numpy(), slopes["t"])


def test_mmd_loss_of_one_item_has_no_gradient():
    net = compiled("MMDLoss", "", [(1, 3), (4, 3)], phase="TRAIN")
    x = torch.ones(1, 3, dtype=torch.float64, requires_grad=True)
    net(x, torch.from_numpy(numbers(1, (4, 3))))["t0"].backward()
    assert not x.grad.any()


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "tops", "said"),
    [
        ("CosineDis", "", [(2, 3), (2, 4), (5, 3)], 2, "not as the features, 2x3"),
        ("CosineDis", "", [(2, 3), (2, 3), (5, 4)], 2, "has 4 channels, the features 3"),
        ("CosineDis", "", [(2, 3, 2, 1)] * 3, 2, "one vector an item"),
        ("TripletLoss", "", [(2, 3), (2, 3), (2, 3), (3,)], 1, "as many weights"),
        ("TripletLoss", "", [(2, 3), (2, 4), (2, 3), (2,)], 1, "not that of the anchors"),
        ("TripletLoss", "triplet_loss_param { eps: 1 }", [(2, 1)] * 4, 1, "another fork's"),
        ("RandomMaclaurin", "", [(2, 3), (3, 4)], 1, "it has 3 items"),
        ("RandomMaclaurin", "", [(2, 3, 2), (2, 4)], 1, "one vector an item"),
        (
            "RandomMaclaurin",
            'random_maclaurin_param { distribution_type: "normal" }',
            [(2, 3), (2, 4)],
            1,
            "none of bernoulli, gaussian, uniform",
        ),
        (
            "RandomMaclaurin",
            'random_maclaurin_param { distribution_type: "gaussian" std1: 0 }',
            [(2, 3), (2, 4)],
            1,
            "divisor 0",
        ),
        ("LabeledMatching", "", [(2, 3), (2,)], 2, "num_classes"),
        ("LabeledMatching", MATCHING[0][1], [(2, 3), (3,)], 2, "as many labels"),
        (
            "LabeledMatching",
            "param { lr_mult: 0 } " + MATCHING[0][1],
            [(2, 3), (2,)],
            2,
            "not for both",
        ),
        (
            "UnlabeledMatching",
            "unlabeled_matching_param { queue_size: 0 }",
            [(2, 3), (2,)],
            1,
            "queue_size",
        ),
        ("UnlabeledMatching", "", [(2, 3), (3,)], 1, "as many labels"),
        ("MMDLoss", "", [(2, 3), (2, 4)], 1, "4 numbers, the first bottom's 3"),
        ("MMDLoss", "mmd_param { kernel_num: 0 }", [(2, 3), (2, 3)], 1, "kernel_num"),
    ],
)
def test_what_a_layer_refuses(kind, fields, shapes, tops, said):
    with pytest.raises(NetError, match=said):
        compiled(kind, fields, shapes, tops)
