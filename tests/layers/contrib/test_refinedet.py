"""RefineDet's second stage: priors that a first stage moves and screens, box by box."""

from __future__ import annotations

import boxes_reference as reference
import numpy as np
import pytest
import torch
from one_layer import close, compiled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet import NetError

LOSS = "num_classes: 3 overlap_threshold: 0.4 code_type: CENTER_SIZE neg_pos_ratio: 3"


def scene(seed, images, boxes, real):
    draw = np.random.default_rng(seed)
    low = draw.uniform(0, 0.6, (boxes, 2))
    prior = np.hstack([low, low + draw.uniform(0.2, 0.4, (boxes, 2))])
    priors = np.stack([prior.ravel(), np.full(4 * boxes, 0.1)])[None]
    rows = []
    for _ in range(real):
        box = prior[draw.integers(boxes)] + draw.uniform(-0.03, 0.03, 4)
        rows.append([draw.integers(images), draw.integers(1, 3), 0, *box, 0])
    first = [draw.uniform(0, 1, (images, 2 * boxes)), 0.3 * numbers(seed, (images, 4 * boxes))]
    own = numbers(seed + 1, (images, 4 * boxes)), numbers(seed + 2, (images, 3 * boxes))
    return *own, priors, np.array(rows)[None, None], *first


def refined(priors, offsets, image, boxes):
    prior, variance = priors.reshape(2, -1, 4)
    moved = offsets[image].reshape(boxes, 4)
    pairs = zip(prior, variance, moved, strict=True)
    return [reference.decode(p, v, o, "CENTER_SIZE") for p, v, o in pairs]


def matches(prior, real):
    """The true box of each prior by SSD's rules, and the best overlap of each."""
    overlap = np.array([[reference.iou(p, r[3:7]) for r in real] for p in prior])
    match, best = [-1] * len(prior), overlap.max(1)
    left = overlap.copy()
    for _ in real:
        i, j = np.unravel_index(left.argmax(), left.shape)
        if left[i, j] <= 1e-6:
            break
        match[i], left[i], left[:, j] = int(j), -1, -1
    for i in range(len(prior)):
        if match[i] < 0 and best[i] > 1e-6 and best[i] >= 0.4:
            match[i] = int(overlap[i].argmax())
    return match, best


def loss(offsets, scores, priors, truth, objects, moves, least):
    boxes = priors.shape[2] // 4
    near = right = count = 0.0
    for n in range(len(scores)):
        real = [r for r in truth[0, 0] if r[0] == n]
        if not real:
            continue
        prior, score = refined(priors, moves, n, boxes), scores[n].reshape(boxes, 3)
        match, best = matches(prior, real)
        losses = []
        for i, m in enumerate(match):
            label = int(real[m][1]) if m >= 0 else 0
            own = -np.log(np.exp(score[i, label]) / np.exp(score[i]).sum())
            if m >= 0:
                right, count = right + own, count + 1
                wanted = reference.encode(prior[i], [0.1] * 4, real[m][3:7], "CENTER_SIZE")
                apart = np.abs(offsets[n].reshape(boxes, 4)[i] - wanted)
                near += np.where(apart < 1, apart**2 / 2, apart - 0.5).sum()
            elif best[i] < 0.5 and objects[n].reshape(boxes, 2)[i, 1] >= least:
                losses.append(own)
        matched = sum(m >= 0 for m in match)
        right += sum(sorted(losses, reverse=True)[: 3 * matched])
    return (near + right) / max(count, 1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("least", [0.01, 0.5])
def test_loss_from_refined_priors(seed, least):
    given = scene(seed, 2, 12, seed % 4 + 1)
    fields = f"multibox_loss_param {{ {LOSS} objectness_score: {least} }}"
    net = compiled("MultiBoxLoss", fields, [x.shape for x in given])
    close(outputs(net, *given)[0], loss(*given, least), rtol=1e-5)


def test_gradient_of_the_loss():
    given = scene(3, 1, 5, 2)
    net = compiled("MultiBoxLoss", f"multibox_loss_param {{ {LOSS} }}", [x.shape for x in given])
    gradients_hold(net, *given, bottoms=(0, 1))


@pytest.mark.parametrize("seed", range(3))
def test_boxes_from_refined_priors(seed):
    offsets, scores, priors, _, objects, moves = scene(seed, 2, 12, 1)
    scores = np.exp(scores)
    wanted = []
    for n in range(2):
        moved = np.array(refined(priors, moves, n, 12))
        own = np.stack([moved.ravel(), np.full(48, 0.1)])[None]
        score = scores[n].reshape(12, 3).copy()
        score[objects[n].reshape(12, 2)[:, 1] < 0.3] = [1, 0, 0]
        found = plain_boxes(offsets[n : n + 1], score.reshape(1, -1), own)
        wanted.extend([n, *row[1:]] for row in found)
    fields = "detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 200 "
    fields += "objectness_score: 0.3 confidence_threshold: 0.5 nms_param { nms_threshold: 0.45 } }"
    bottoms = [offsets, scores, priors, objects, moves]
    net = compiled("DetectionOutput", fields, [x.shape for x in bottoms])
    close(outputs(net, *bottoms)[0][0, 0], wanted)


def plain_boxes(offsets, scores, priors):
    """What SSD's own layer finds, which its tests hold to loops."""
    fields = "detection_output_param { num_classes: 3 code_type: CENTER_SIZE keep_top_k: 200 "
    fields += "confidence_threshold: 0.5 nms_param { nms_threshold: 0.45 } }"
    bottoms = [offsets, scores, priors]
    net = compiled("DetectionOutput", fields, [x.shape for x in bottoms])
    return outputs(net, *bottoms)[0][0, 0]


def test_the_first_stage_takes_all_objects_as_one():
    offsets, scores, priors, truth, *_ = scene(1, 1, 8, 3)
    truth[..., 1] = [2, 2, 1]
    ones = truth.copy()
    ones[..., 1] = 1
    given = (offsets, scores.reshape(1, 8, 3)[..., :2].reshape(1, 16), priors)
    names = ("loc", "conf", "prior", "truth")
    loss = (
        'layer {{ name: "{0}" type: "MultiBoxLoss" {1} top: "{0}" multibox_loss_param {{ {2} }} }}'
    )
    text = ""
    for name, x in zip((*names, "conf3"), (*given, truth, scores), strict=True):
        dims = " ".join(f"dim: {n}" for n in x.shape)
        text += f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "{name}"' for name in names)
    plain = text + loss.format("first", bottoms, LOSS.replace("classes: 3", "classes: 2"))
    second = bottoms.replace('"conf"', '"conf3"') + ' bottom: "conf" bottom: "loc"'
    both = plain + "\n" + loss.format("second", second, LOSS)

    def first(source, labels):
        net = protonet.compile(source, outputs=["first"])
        inputs = (*given, labels, scores)
        made = net(*(torch.from_numpy(np.asarray(x, np.float32)) for x in inputs))
        return float(made["first"] if isinstance(made, dict) else made)

    assert first(both, truth) == pytest.approx(first(plain, ones))
    with pytest.raises(ValueError, match="the label 2, none of 2 classes"):
        first(plain, truth)


def test_priors_without_the_square():
    fields = "min_size: 30 aspect_ratio: 2 aspect_ratio: 3 flip: true use_default: false"
    net = compiled("PriorBox", f"prior_box_param {{ {fields} }}", [(1, 2, 1, 1), (1, 3, 60, 60)])
    found = outputs(net, np.zeros((1, 2, 1, 1)), np.zeros((1, 3, 60, 60)))[0][0, 0].reshape(-1, 4)
    sides = [(30 * np.sqrt(r), 30 / np.sqrt(r)) for r in (2, 1 / 2, 3, 1 / 3)]
    wanted = [(0.5 - w / 120, 0.5 - h / 120, 0.5 + w / 120, 0.5 + h / 120) for w, h in sides]
    close(found, wanted, rtol=1e-5)


BOTTOMS = [(1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8), (1, 4), (1, 8)]


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("MultiBoxLoss", LOSS, [*BOTTOMS[:5], (1, 9)], "2 prior boxes take 8 numbers"),
        ("MultiBoxLoss", LOSS, BOTTOMS[:5], "scores of a first stage go with its offsets"),
        ("MultiBoxLoss", LOSS + " mining_type: HARD_EXAMPLE", BOTTOMS, "with a first stage it"),
        ("DetectionOutput", "num_classes: 3", [*BOTTOMS[:3], (1, 5), (1, 8)], "take 4 numbers"),
        (
            "PriorBox",
            "min_size: 30 use_default: false",
            [(1, 2, 1, 1), (1, 3, 9, 9)],
            "an aspect_ratio at least",
        ),
    ],
)
def test_what_they_refuse(kind, fields, shapes, told):
    names = {"MultiBoxLoss": "multibox_loss", "DetectionOutput": "detection_output"}
    text = text_of(kind, f"{names.get(kind, 'prior_box')}_param {{ {fields} }}", shapes)
    with pytest.raises(NetError, match=told):
        protonet.compile(text)
