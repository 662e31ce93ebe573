"""The layers of text recognisers, against every path and against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import close, compiled, numbers, outputs, quick, text_of

import protonet

seeds = st.integers(0, 2**16)
few = settings(quick, max_examples=6)


def message_of(text):
    (problem,) = protonet.check(text)
    return problem.message


def said(path, blank):
    """The labels of a path: repeats together, blanks left out."""
    return tuple(k for k, _ in itertools.groupby(path) if k != blank)


def cost(scores, labels, blank):
    """-log of the sum over every path that says the labels; scores (time, classes)."""
    likely = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    paths = itertools.product(range(scores.shape[1]), repeat=len(scores))
    total = sum(
        np.prod([likely[t, k] for t, k in enumerate(path)])
        for path in paths
        if said(path, blank) == tuple(labels)
    )
    return -np.log(total) if total else np.inf


def drawn(seed, time=4, n=3, classes=3, blank=2):
    draw = np.random.default_rng(seed)
    lengths = draw.integers(1, 3, n)
    labels = [
        draw.choice([k for k in range(classes) if k != blank], size).tolist() for size in lengths
    ]
    return draw.normal(size=(time, n, classes)), labels


def slope(net, index, *arrays):
    given_ = [torch.from_numpy(np.asarray(a, np.float64)) for a in arrays]
    given_[index].requires_grad_(True)
    net(*given_)["objective"].backward()
    return given_[index].grad.numpy()


def slope_of_sum(scores, labels, blank):
    """The numeric gradient of the sum of the costs that are finite."""
    grad = np.zeros_like(scores)
    for at in np.ndindex(scores.shape):
        both = []
        for step in (1e-5, -1e-5):
            moved = scores.copy()
            moved[at] += step
            both.append(cost(moved[:, at[1]], labels[at[1]], blank))
        grad[at] = (both[0] - both[1]) / 2e-5 if np.isfinite(both[0]) else 0
    return grad


@few
@given(seeds)
def test_ctc_loss_of_crnn(seed):
    scores, labels = drawn(seed)
    padded = np.array([[*each, *[2] * (3 - len(each))] for each in labels])
    fields = "ctc_loss_param { alphabet_size: 3 time_step: 4 blank_label: 2 }"
    net = compiled("CtcLoss", fields, [scores.shape, padded.shape])
    costs = np.array([cost(scores[:, i], each, 2) for i, each in enumerate(labels)])
    close(outputs(net, scores, padded)[0], np.where(np.isinf(costs), 0, costs).mean())


def test_the_gradient_of_ctc_losses_is_that_of_the_sum():
    scores, labels = drawn(5, time=3, n=2)
    padded = np.array([[*each, *[2] * (3 - len(each))] for each in labels])
    wanted = slope_of_sum(scores, labels, 2)
    fields = "ctc_loss_param { alphabet_size: 3 time_step: 3 blank_label: 2 }"
    net = compiled("CtcLoss", fields, [scores.shape, padded.shape], phase="TRAIN")
    close(slope(net, 0, scores, padded), wanted, rtol=1e-4)
    fields = "loss_weight: 4 ctc_loss_param { blank_index: 2 }"
    net = compiled("WarpCTCLoss", fields, [scores.shape, padded.shape], phase="TRAIN")
    close(slope(net, 0, scores, padded), wanted, rtol=1e-4)


@few
@given(seeds)
def test_warp_ctc_loss_of_caffe_ocr(seed):
    scores, labels = drawn(seed, blank=0)
    padded = np.array([[*each, *[0] * (3 - len(each))] for each in labels])[..., None, None]
    net = compiled("WarpCTCLoss", "", [(*scores.shape, 1), padded.shape])
    costs = np.array([cost(scores[:, i], each, 0) for i, each in enumerate(labels)])
    wanted = np.where(np.isinf(costs), 0, costs).mean()
    close(outputs(net, scores[..., None], padded)[0], wanted)


@few
@given(seeds, st.sampled_from(["CTCLoss", "WarpCTCLoss"]))
def test_ctc_losses_with_indicators(seed, kind):
    """Labels count from 0 where the blank is the last, from 1 where it is the first."""
    first = kind == "WarpCTCLoss"
    scores, labels = drawn(seed, time=5, blank=0 if first else 2)
    lengths = np.random.default_rng(seed).integers(4, 6, 3)
    labels[1], lengths[1] = [], 1  # passed over
    shift = int(first)
    truth = np.array([[*(k - shift for k in each), *[-1] * (5 - len(each))] for each in labels]).T
    goes_on = (np.arange(5)[:, None] < lengths) * (np.arange(5)[:, None] > 0)
    net = compiled(kind, "", [scores.shape, (5, 3), (5, 3)])
    costs = [cost(scores[: lengths[i], i], labels[i], 0 if first else 2) for i in (0, 2)]
    wanted = np.mean(costs) if first else np.sum(costs) / 3
    close(outputs(net, scores, goes_on, truth)[0], wanted)


def test_warp_ctc_loss_with_lengths():
    scores, labels = drawn(3, blank=0)
    lengths = np.array([4, 3, 4])
    truth = np.array([[*each, *[9] * (2 - len(each))] for each in labels]).T
    net = compiled("WarpCTCLoss", "", [scores.shape, (3,), (3,), truth.shape])
    costs = [cost(scores[: lengths[i], i], each, 0) for i, each in enumerate(labels)]
    sizes = [len(each) for each in labels]
    close(outputs(net, scores, lengths, sizes, truth)[0], np.mean(costs))


def test_a_label_that_is_no_class_is_an_error():
    net = compiled("WarpCTCLoss", "", [(4, 1, 3), (1, 2)])
    with pytest.raises(RuntimeError, match="out of bounds"):
        outputs(net, numbers(0, (4, 1, 3)), [[1, 3]])


def edits(a, b):
    if not a or not b:
        return len(a) + len(b)
    change = edits(a[1:], b[1:]) + (a[0] != b[0])
    return min(change, edits(a[1:], b) + 1, edits(a, b[1:]) + 1)


@few
@given(seeds, st.booleans())
def test_greedy_decoder_of_caffe_ocr(seed, merge):
    draw = np.random.default_rng(seed)
    scores = draw.normal(size=(6, 4, 3))
    truth = draw.integers(-1, 3, (4, 3))
    fields = f"ctc_decoder_param {{ ctc_merge_repeated: {str(merge).lower()} }}"
    best = scores.argmax(2).T
    read = [said(p, 0) if merge else tuple(k for k in p if k) for p in best.tolist()]
    wanted = np.array([[*r, *[-1] * (6 - len(r))] for r in read])[..., None, None]
    net = compiled("CTCGreedyDecoder", fields, [scores.shape])
    close(outputs(net, scores)[0], wanted)
    real = [[k for k in itertools.takewhile(lambda k: k >= 0, row) if k] for row in truth.tolist()]
    apart = [
        edits(a, tuple(b)) / max(len(a), len(b)) if a or b else 0
        for a, b in zip(read, real, strict=True)
    ]
    right = [bool(a or b) and a == tuple(b) for a, b in zip(read, real, strict=True)]
    net = compiled("CTCGreedyDecoder", fields, [scores.shape, truth.shape])
    both = np.array([1 - np.mean(apart), np.mean(right)]).reshape(1, 2, 1, 1)
    close(outputs(net, scores, truth)[0], both)


@few
@given(seeds)
def test_greedy_decoder_of_chwick(seed):
    draw = np.random.default_rng(seed)
    scores, lengths = draw.normal(size=(6, 4, 3)), draw.integers(2, 7, 4)
    goes_on = (np.arange(6)[:, None] < lengths) * (np.arange(6)[:, None] > 0)
    truth = draw.integers(-1, 2, (6, 4))
    net = compiled("CTCGreedyDecoder", "", [scores.shape, (6, 4), (6, 4)], tops=3)
    found, best, near = outputs(net, scores, goes_on, truth)
    paths = [scores[:size, i].argmax(1).tolist() for i, size in enumerate(lengths)]
    read = [said(path, 2) for path in paths]
    close(found[..., 0, 0].T, np.array([[*r, *[-1] * (6 - len(r))] for r in read]))
    sums = [-scores[:size, i].max(1).sum() for i, size in enumerate(lengths)]
    close(best.ravel(), np.array(sums))
    real = [tuple(itertools.takewhile(lambda k: k >= 0, row)) for row in truth.T.tolist()]
    pairs = zip(read, real, strict=True)
    apart = [edits(a, b) / max(len(a), len(b)) if a or b else 0 for a, b in pairs]
    close(near.ravel(), np.array([1 - np.mean(apart)]))


def test_label_sequence_accuracy():
    scores, _ = drawn(1, time=5, n=6)
    scores = scores.transpose(1, 0, 2)
    read = [said(path, 2) for path in scores.argmax(2).tolist()]
    truth = np.full((6, 5), 2)
    for i, each in enumerate(read):
        truth[i, : len(each)] = each
    truth[2, 0] = 1 - truth[2, 0] if truth[2, 0] < 2 else 0
    fields = "labelsequence_accuracy_param { blank_label: 2 }"
    net = compiled("LabelsequenceAccuracy", fields, [scores.shape, truth.shape])
    close(outputs(net, scores, truth)[0], np.float64(5 / 6))


def test_continuation_indicator_begins_every_sequence():
    text = """layer { name: "i" type: "ContinuationIndicator" top: "i"
    continuation_indicator_param { time_step: 3 batch_size: 2 } }"""
    assert protonet.compile(text)().tolist() == [[0, 0], [1, 1], [1, 1]]


@pytest.mark.parametrize("copy", [False, True])
def test_reverse_time(copy):
    x, lengths = numbers(0, (4, 3, 2)), [4, 2, 0]
    fields = f"reverse_time_param {{ copy_remaining: {str(copy).lower()} }}"
    net = compiled("ReverseTime", fields, [(4, 3, 2), (3,)])
    wanted = x.copy() if copy else np.zeros_like(x)
    for i, size in enumerate(lengths):
        wanted[:size, i] = x[:size, i][::-1]
    close(outputs(net, x, lengths)[0], wanted)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        (
            "CtcLoss",
            "ctc_loss_param { alphabet_size: 4 time_step: 2 }",
            [(4, 2, 3), (2, 2)],
            "alphabet_size is that of the scores, 3 of 4x2x3, not 4",
        ),
        (
            "CtcLoss",
            "ctc_loss_param { alphabet_size: 3 time_step: 2 blank_index: 2 }",
            [(4, 2, 3), (2, 2)],
            "blank_index is a field of CTCLoss",
        ),
        (
            "CTCLoss",
            "",
            [(4, 2, 3), (2, 2)],
            "a CTCLoss without indicators differs from fork to fork, which nothing tells",
        ),
        (
            "CTCLoss",
            "ctc_loss_param { output_delay: 1 }",
            [(4, 2, 3), (4, 2), (4, 2)],
            "output_delay: another way than that of Graves is not supported",
        ),
        (
            "CTCGreedyDecoder",
            "",
            [(2, 2, 3), (2, 2)],
            "2x2 may be indicators of steps or labels: 2 steps, 2 sequences",
        ),
    ],
)
def test_what_nothing_tells_is_refused(kind, fields, shapes, told):
    assert message_of(text_of(kind, fields, shapes)) == f"layer 'l' ({kind}): {told}"
