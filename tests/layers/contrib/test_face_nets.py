"""The layers of yuqj1991's face and licence-plate nets, and yihui-he's Filter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, filled, gradients_hold, numbers, outputs, quick, text_of

import protonet
from protonet import NetError

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=8)


@few
@given(seeds, st.sampled_from([(3, 4), (3, 4, 2), (3, 4, 2, 2)]))
def test_simple_normalize(seed, shape):
    x = numbers(seed, shape)
    length = np.sqrt((x**2).reshape(3, -1).sum(1)).reshape(3, *[1] * (len(shape) - 1))
    net = compiled("SimpleNormalize", "", [shape])
    close(outputs(net, x)[0], (x / length).reshape((*shape, 1, 1)[:4]))
    gradients_hold(net, x)


@few
@given(seeds)
def test_cosin_l2_normalize(seed):
    fields = "cosin_loss_param { num_output: 5 scale: 8 margin: -0.25 }"
    net = compiled("CosinL2Normalize", fields, [(4, 2, 3), (4,)])
    (weight,) = filled(net, seed)
    x, labels = numbers(seed + 1, (4, 2, 3)), np.random.default_rng(seed).integers(0, 5, 4)
    rows = x.reshape(4, 6) / np.linalg.norm(x.reshape(4, 6), axis=1, keepdims=True)
    wanted = rows @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    wanted[np.arange(4), labels] -= 0.25
    close(outputs(net, x, labels)[0], 8 * wanted)
    gradients_hold(net, x, labels)


@few
@given(seeds, st.sampled_from([0.5, 1.25]))
def test_cosin_add_m(seed, angle):
    draw = np.random.default_rng(seed)
    x, labels = draw.uniform(-1, 1, (6, 4)), draw.integers(0, 4, 6)
    x[0, labels[0]] = 1.5  # what rounding may leave above 1
    net = compiled("CosinAddm", f"cosin_add_m_param {{ m: {angle} }}", [(6, 4), (6,)])
    wanted, slope = x.copy(), np.ones_like(x)
    for i, label in enumerate(labels):
        theta = np.arccos(min(x[i, label], 1))
        far = theta >= np.pi - angle
        wanted[i, label] = x[i, label] - np.sin(angle) * angle if far else np.cos(theta + angle)
        if not far and theta > 0:
            slope[i, label] = np.sin(theta + angle) / np.sin(theta)
    given_x = torch.from_numpy(x).requires_grad_(True)
    top = net(given_x, torch.from_numpy(labels).double())["t0"]
    top.sum().backward()
    close(top.detach().numpy(), wanted)
    close(given_x.grad.numpy(), slope)


def test_identity2verify():
    x, labels = numbers(1, (6, 3)), np.array([4, 4, 4, 5, 2, 2.5])
    net = compiled("Identity2Verify", "", [(6, 3), (6,)], 3)
    even, odd, alike = outputs(net, x, labels)
    close(even, x[[0, 2, 4]])
    close(odd, x[[1, 3, 5]])
    close(alike, [1, 0, 1])


def candidates(x, counts, alpha):
    """The pairs of a class in order, and for each the items of others that are too near."""
    found, start = [], 0
    for count in counts:
        inside = range(start, start + count)
        for first in inside:
            for second in range(first + 1, start + count):
                pair = ((x[first] - x[second]) ** 2).sum()
                others = [n for n in range(len(x)) if n not in inside]
                near = [n for n in others if ((x[first] - x[n]) ** 2).sum() - pair < alpha]
                if near:
                    found.append((first, second, near))
        start += count
    return found


def test_sample_triplet():
    counts, alpha = [3, 2, 1, 4], 0.5
    net = compiled("SampleTriplet", f"sample_triplet_param {{ alpha: {alpha} }}", [(10, 3), (4,)])
    x = numbers(3, (10, 3))
    wanted = candidates(x, counts, alpha)
    assert len(wanted) > 4
    chances = [dict.fromkeys(near, 0) for _, _, near in wanted]
    torch.manual_seed(1)
    runs = 400
    for _ in range(runs):
        (made,) = outputs(net, x, counts)
        assert made.shape == (len(wanted), 3, 1, 1)
        for row, (first, second, _), chance in zip(made[..., 0, 0], wanted, chances, strict=True):
            assert tuple(row[:2]) == (first, second)
            chance[int(row[2])] += 1
    for chance in chances:
        share = 1 / len(chance)
        spread = 5 * np.sqrt(share * (1 - share) / runs)
        assert all(abs(n / runs - share) <= spread for n in chance.values())


def test_sample_triplet_without_near_ones():
    net = compiled("SampleTriplet", "", [(4, 1), (2,)])
    (made,) = outputs(net, [[0], [0], [9], [9]], [2, 2])
    assert made.shape == (0, 3, 1, 1)


@few
@given(seeds, st.sampled_from([None, 0.75]))
def test_triplet_loss(seed, margin):
    fields = "" if margin is None else f"triplet_loss_param {{ margin: {margin} }}"
    text = text_of("TripletLoss", fields + " loss_weight: 0.5", [(6, 4), (5, 3, 1, 1)])
    net = protonet.compile(text, phase="TRAIN", outputs=["t0", "objective"]).double()
    draw = np.random.default_rng(seed)
    x, triplets = draw.normal(size=(6, 4)), draw.integers(0, 6, (7, 3))
    loss, slope = 0.0, np.zeros_like(x)
    for a, p, n in triplets[:5]:
        apart = ((x[a] - x[p]) ** 2).sum() - ((x[a] - x[n]) ** 2).sum()
        loss += max(0, apart + (0.2 if margin is None else margin))
        # Of one item in two places of a triplet the later place counts.
        for place, pull in ((a, x[n] - x[p]), (p, x[p] - x[a]), (n, x[a] - x[p])):
            slope[place] = 2 * pull
    given_x = torch.from_numpy(x).requires_grad_(True)
    result = net(given_x, torch.from_numpy(triplets[..., None, None]).double())
    result["objective"].sum().backward()
    close(result["t0"].detach().numpy(), [loss / 5])
    close(given_x.grad.numpy(), 0.5 * slope / 5)


def test_licence_plates():
    fields = "lp_det_param { num_chinese: 4 num_english: 3 num_letter: 5 }"
    sizes = [4, 3, 5, 5, 5, 5, 5]
    scores = [numbers(i, (6, n)) for i, n in enumerate(sizes)]
    scores[1][2] = -1  # none above 0: the first class
    net = compiled("DetectionCcpdOutput", fields, [one.shape for one in scores])
    (read,) = outputs(net, *scores)
    wanted = np.stack([one.argmax(1) * (one.max(1) > 0) for one in scores], 1)
    assert np.array_equal(read[0, 0], wanted)
    truth = wanted.copy()
    truth[[0, 1, 3], 4] += 1
    (right,) = outputs(compiled("LpEvaluate", "", [read.shape, truth.shape]), read, truth)
    assert right.tolist() == [[[[0.0]]]]  # of a batch the fork sees the first plate
    (right,) = outputs(compiled("LpEvaluate", "", [truth.shape] * 2), wanted, truth)
    assert right[0, 0, :, 0].tolist() == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("columns", [17, 15])
def test_face_attri_evaluate(columns):
    draw = np.random.default_rng(4)
    x, truth = draw.normal(size=(5, columns)), draw.normal(size=(5, 17))
    x[:, 10:13] *= 90
    truth[:, 13:15], truth[:, 15:] = draw.integers(0, 2, (5, 2)), draw.integers(50, 90, (5, 2))
    wanted, so_far = np.zeros((5, 10)), [0, 0]
    for i, (own, true) in enumerate(zip(x, truth, strict=True)):
        width, height = true[15:]
        for k in range(5):
            across, down = width * (own[k] - true[k]), height * (own[k + 5] - true[k + 5])
            wanted[i, k] = np.hypot(across, down) / np.hypot(width, height)
        for k in range(2 if columns == 17 else 1):
            scores = own[13 + 2 * k : 15 + 2 * k]
            best = int(scores[1] > max(scores[0], 0))
            so_far[k] = so_far[k] or int(best == true[13 + k])
        wanted[i, 5:7] = so_far if columns == 17 else (so_far[0], np.nan)
        wanted[i, 7:] = np.cos(np.deg2rad(own[10:13] - true[10:13]))
    fields = "face_evaluate_param { facetype: FACEATTRIBUTE }"
    close(
        outputs(compiled("FaceAttriEvaluate", fields, [x.shape, (5, 17)]), x, truth)[0][0, 0],
        wanted,
    )


def test_a_filter_keeps_the_channels_of_its_blob():
    net = compiled("Filter", "filter_param { num_output: 3 }", [(2, 5, 2, 2)])
    x = numbers(1, (2, 5, 2, 2))
    close(outputs(net, x)[0], x[:, :3])
    protonet.load_blobs(net, {"l": [np.array([0, 2.0, 0, 1, -1])]})
    close(outputs(net, x)[0], x[:, [1, 3, 4]])
    gradients_hold(net, x)
    protonet.load_blobs(net, {"l": [np.array([0, 2.0, 0, 1, 0])]})
    with pytest.raises(ValueError, match="keeps 2 channels, not 3"):
        outputs(net, x)


REFUSED = [
    ("CosinL2Normalize", "cosin_loss_param { num_output: 3 }", [(4, 2), (3,)], 1, "4 features"),
    ("Identity2Verify", "", [(3, 2), (3,)], 3, "an even number"),
    ("TripletLoss", "", [(3, 2), (3, 2)], 1, "three places"),
    ("DetectionCcpdOutput", "lp_det_param { num_english: 2 }", [(2, 3)] * 7, 1, "no num_chinese"),
    ("FaceAttriEvaluate", "", [(2, 17), (2, 17)], 1, "must be stated"),
    ("Filter", "filter_param { num_output: 4 }", [(2, 3)], 1, "the 3 channels"),
]


@pytest.mark.parametrize(("kind", "fields", "shapes", "tops", "words"), REFUSED)
def test_refusals_say_why(kind, fields, shapes, tops, words):
    with pytest.raises(NetError, match="layer 'l'") as caught:
        compiled(kind, fields, shapes, tops)
    assert words in str(caught.value)
