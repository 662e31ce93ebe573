"""R-CNN's layers over randomised fields, against the numpy of regions_reference.py."""

from __future__ import annotations

import numpy as np
import pytest
import regions_reference as reference
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError
from protonet.layers.boxes import anchor_boxes

quick = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
PSROI = (
    'type: "PSROIPooling" psroi_pooling_param { spatial_scale: 0.5 output_dim: 1 group_size: 2 }'
)
sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))


def compiled(layer, shapes, tops=1, phase="TEST"):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    names = [f"t{i}" for i in range(tops)]
    given_tops = " ".join(f'top: "{name}"' for name in names)
    text += f'layer {{ name: "l" {bottoms} {given_tops} {layer} }}'
    return protonet.compile(text, phase=phase, outputs=names).double()


def run(net, *arrays):
    given_ = [a if torch.is_tensor(a) else torch.from_numpy(np.asarray(a, float)) for a in arrays]
    return list(net(*given_).values())


def close(actual, wanted):
    assert tuple(actual.shape) == np.shape(wanted)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=1e-6, atol=1e-7)


def regions_of(draw, images, number, limit):
    """Regions in and around an image of that size; some are too small, some are inside out."""
    corners = draw.uniform(-0.2 * limit, 1.1 * limit, (number, 4)).round(draw.integers(0, 2))
    corners[::2] = np.hstack([np.minimum(*np.split(corners[::2], 2, 1)), corners[::2, 2:]])
    return np.hstack([draw.integers(0, images, (number, 1)), corners])


@quick
@given(seeds, sizes, st.sampled_from([1.0, 0.5, 0.0625]), st.sampled_from([0.0, 0.3]))
def test_roi_pooling(seed, size, scale, pad):
    draw = np.random.default_rng(seed)
    x = draw.integers(0, 9, (2, 3, 7, 9)).astype(float)
    regions = regions_of(draw, 2, 5, 9 / scale)
    fields = f"pooled_h: {size[0]} pooled_w: {size[1]} spatial_scale: {scale} pad_ratio: {pad}"
    net = compiled(f'type: "ROIPooling" roi_pooling_param {{ {fields} }}', [x.shape, (5, 5)])
    variable = torch.from_numpy(x).requires_grad_()
    (y,) = run(net, variable, regions)
    wanted, gradient = reference.roi_pooling(x, regions, size, scale, pad)
    close(y, wanted)
    y.sum().backward()
    close(variable.grad, gradient)


@quick
@given(seeds, st.integers(1, 4), st.integers(1, 3), st.sampled_from([1.0, 0.5, 0.0625]))
def test_psroi_pooling(seed, group, outputs, scale):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(2, outputs * group**2, 6, 8))
    regions = regions_of(draw, 2, 5, 8 / scale)
    fields = f"spatial_scale: {scale} output_dim: {outputs} group_size: {group}"
    layer = f'type: "PSROIPooling" psroi_pooling_param {{ {fields} }}'
    net = compiled(layer, [x.shape, (5, 5)])
    close(run(net, x, regions)[0], reference.psroi_pooling(x, regions, outputs, group, scale))


@quick
@given(seeds, sizes, st.sampled_from([1.0, 0.25]), st.sampled_from([None, 0.0, 0.5]))
def test_roi_align(seed, size, scale, pad):
    draw = np.random.default_rng(seed)
    x, regions = draw.normal(size=(2, 3, 6, 8)), regions_of(draw, 2, 4, 8 / scale)
    fields = f"pooled_h: {size[0]} pooled_w: {size[1]} spatial_scale: {scale} "
    samples = int(draw.integers(-1, 3)) or 2
    if pad is None:
        param = f"roi_align_param {{ {fields} sampling_ratio: {samples} }}"
        wanted = reference.roi_align(x, regions, size, scale, samples)
    else:
        param = f"roi_pooling_param {{ {fields} pad_ratio: {pad} }}"
        wanted = reference.roi_corners(x, regions, size, scale, pad)
    close(run(compiled(f'type: "ROIAlign" {param}', [x.shape, (4, 5)]), x, regions)[0], wanted)


@pytest.mark.parametrize(
    "layer",
    [
        PSROI,
        'type: "ROIAlign" roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.5 }',
        'type: "ROIAlign" roi_align_param { pooled_h: 2 pooled_w: 3 sampling_ratio: 2 }',
        'type: "ROIPooling" roi_pooling_param { pooled_h: 2 pooled_w: 3 spatial_scale: 0.5 }',
    ],
)
def test_gradients_of_the_poolings(layer):
    net = compiled(layer, [(2, 4, 5, 6), (3, 5)])
    regions = torch.tensor([[0, 0, 0, 9, 7], [1, 2, 3, 4, 5], [1, -3, 1, 14, 20]]).double()
    x = torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(1)).double()
    torch.autograd.gradcheck(lambda v: net(v, regions)["t0"], x.requires_grad_(), fast_mode=True)


@quick
@given(seeds, st.integers(2, 4), st.sampled_from([1.0, 3.0, 0.5]), st.booleans())
def test_smooth_l1_loss(seed, bottoms, sigma, images):
    draw = np.random.default_rng(seed)
    shape = (3, 4, 2, 2) if images else (3, 4)
    arrays = [draw.normal(size=shape) for _ in range(bottoms)]
    layer = f'type: "SmoothL1Loss" smooth_l1_loss_param {{ sigma: {sigma} }}'
    net = compiled(layer, [shape] * bottoms)
    x, y, inside, outside = (*arrays, *[np.ones(shape)] * (4 - bottoms))
    close(run(net, *arrays)[0], reference.smooth_l1(x, y, inside, outside, sigma))
    variables = [torch.from_numpy(a).requires_grad_() for a in arrays[:2]]
    rest = [torch.from_numpy(a) for a in arrays[2:]]
    torch.autograd.gradcheck(lambda a, b: net(a, b, *rest)["t0"], variables)


def test_the_anchors_are_py_faster_rcnns():
    np.testing.assert_array_equal(anchor_boxes((8, 16, 32)), reference.NINE)


def python_layer(name, param):
    module, layer = name.split(".")
    return (
        f'type: "Python" python_param {{ module: "rpn.{module}" layer: "{layer}" '
        f'param_str: "{param}" }}'
    )


@settings(quick, max_examples=8)
@given(seeds, st.sampled_from(["TRAIN", "TEST"]), st.sampled_from([1.0, 2.5]))
def test_proposals_of_the_python_layer(seed, phase, scale):
    draw = np.random.default_rng(seed)
    scores = draw.uniform(size=(1, 18, 6, 8))
    deltas = draw.normal(size=(1, 36, 6, 8)) * 0.3
    size = np.array([[96.0, 128.0, scale]])
    layer = python_layer("proposal_layer.ProposalLayer", "'feat_stride': 16")
    net = compiled(layer, [scores.shape, deltas.shape, (1, 3)], 2, phase)
    regions, found = run(net, scores, deltas, size)
    p = {"stride": 16, "overlap": 0.7, "least": 16, "removes": True}
    p |= {"before": 12000, "most": 2000} if phase == "TRAIN" else {"before": 6000, "most": 300}
    wanted, score = reference.proposals(scores, deltas, size, reference.NINE, p)
    close(regions, wanted)
    close(found, score[:, None])


@settings(quick, max_examples=8)
@given(seeds, st.integers(1, 60), st.integers(1, 20), st.sampled_from([0.7, 0.3]))
def test_proposals_of_the_c_layer(seed, before, most, overlap):
    draw = np.random.default_rng(seed)
    scores, deltas = draw.uniform(size=(2, 4, 4, 5)), draw.normal(size=(2, 8, 4, 5)) * 0.3
    size = np.array([[64.0, 80.0, 1.0, 1.5]])
    fields = f"pre_nms_topn: {before} post_nms_topn: {most} nms_thresh: {overlap} min_size: 10 "
    layer = f'type: "Proposal" proposal_param {{ ratio: 1 scale: 24 scale: 40 {fields} }}'
    net = compiled(layer, [scores.shape, deltas.shape, (1, 4)], 2)
    regions, found = run(net, scores, deltas, size)
    anchors = [[7.5 - (s - 1) / 2] * 2 + [7.5 + (s - 1) / 2] * 2 for s in (24, 40)]
    p = {"stride": 16, "before": before, "most": most, "overlap": overlap, "least": 10}
    wanted, score = reference.proposals(
        scores, deltas, np.repeat(size, 2, 0), anchors, {**p, "removes": False}
    )
    close(regions, wanted)
    close(found, score)


def test_one_scale_for_both_sides():
    draw = np.random.default_rng(0)
    scores, deltas = draw.uniform(size=(1, 2, 4, 5)), draw.normal(size=(1, 4, 4, 5)) * 0.3
    layer = 'type: "Proposal" proposal_param { ratio: 1 scale: 24 min_size: 20 }'
    sizes = [[64.0, 80.0, 1.5]], [[64.0, 80.0, 1.5, 1.5]], [[64.0, 80.0, 1.5, 1.5, 9.0, 9.0]]
    nets = (compiled(layer, [scores.shape, deltas.shape, np.shape(size)], 2) for size in sizes)
    one, two, six = (run(net, scores, deltas, size) for net, size in zip(nets, sizes, strict=True))
    close(one[0], two[0].numpy())
    close(six[0], two[0].numpy())
    assert (one[1] == 0).any()


def truth_of(draw, number):
    low = draw.uniform(0, 200, (number, 2)).round()
    corners = np.hstack([low, low + draw.uniform(20, 150, (number, 2)).round()])
    return np.hstack([corners, draw.integers(1, 5, (number, 1))])


@settings(quick, max_examples=8)
@given(seeds, st.integers(1, 4))
def test_anchor_targets(seed, number):
    draw = np.random.default_rng(seed)
    truth, size = truth_of(draw, number), np.array([[320.0, 400.0, 1.0]])
    layer = python_layer("anchor_target_layer.AnchorTargetLayer", "'feat_stride': 16")
    net = compiled(layer, [(1, 18, 20, 25), truth.shape, (1, 3)], 4)
    torch.manual_seed(seed)
    labels, targets, inside, outside = run(net, np.zeros((1, 18, 20, 25)), truth, size)
    labels = labels.reshape(9, 20, 25).permute(1, 2, 0).reshape(-1).numpy()
    wanted, moved = reference.anchor_targets(truth, size[0], reference.NINE, 20, 25, 16)
    by_anchor = [
        t.reshape(9, 4, 20, 25).permute(2, 3, 0, 1).reshape(-1, 4)
        for t in (targets, inside, outside)
    ]
    close(by_anchor[0], moved)
    positive, negative = (labels == 1).sum(), (labels == 0).sum()
    assert positive == min(128, (wanted == 1).sum())
    assert negative == min(256 - positive, (wanted == 0).sum())
    assert set(labels[wanted == 1]) <= {1, -1}
    assert set(labels[wanted == 0]) <= {0, -1}
    assert set(labels[wanted == -1]) <= {-1}
    close(by_anchor[1], np.repeat((labels == 1)[:, None], 4, 1).astype(float))
    share = np.where(labels >= 0, 1 / (positive + negative), 0)
    close(by_anchor[2], np.repeat(share[:, None], 4, 1))


@settings(quick, max_examples=8)
@given(seeds, st.integers(1, 4), st.sampled_from([1, 60, 200]), st.sampled_from([2, 6]))
def test_proposal_targets(seed, number, many, classes):
    draw = np.random.default_rng(seed)
    truth = truth_of(draw, number)
    near = truth[draw.integers(0, number, many), :4] + draw.normal(size=(many, 4)) * 20
    regions = np.hstack([np.zeros((many, 1)), near])
    layer = python_layer("proposal_target_layer.ProposalTargetLayer", f"'num_classes': {classes}")
    net = compiled(layer, [regions.shape, truth.shape], 5)
    torch.manual_seed(seed)
    chosen, labels, targets, inside, outside = (t.numpy() for t in run(net, regions, truth))
    regions = np.vstack([regions, np.hstack([np.zeros((number, 1)), truth[:, :4]])])
    overlap = np.array([[reference.boxes.iou(r[1:], t, 1.0) for t in truth] for r in regions])
    shown = (overlap.max(1) >= 0.5).sum()
    objects = min(32, shown)
    assert len(chosen) == objects + min(128 - objects, (overlap.max(1) < 0.5).sum())
    assert ((labels > 0).sum()) == objects
    np.testing.assert_array_equal(inside, outside)
    for k, region in enumerate(chosen):
        at = int(np.flatnonzero((regions == region).all(1))[0])
        best = truth[overlap[at].argmax()]
        assert labels[k] == (best[4] if overlap[at].max() >= 0.5 else 0)
        group = min(int(labels[k]), 1) if classes == 2 else int(labels[k])
        wanted = np.zeros(4 * classes)
        if group:
            delta = np.array(reference.deltas(region[1:], best[:4]))
            wanted[4 * group : 4 * group + 4] = delta / [0.1, 0.1, 0.2, 0.2]
        np.testing.assert_allclose(targets[k], wanted, rtol=1e-6, atol=1e-9)
        assert inside[k].sum() == 4 * bool(group)


def test_a_seed_samples_the_same():
    layer = python_layer("proposal_target_layer.ProposalTargetLayer", "'num_classes': 6")
    draw = np.random.default_rng(0)
    truth, regions = truth_of(draw, 3), regions_of(draw, 1, 400, 300)
    net = compiled(layer, [regions.shape, truth.shape], 5)
    both = []
    for _ in range(2):
        torch.manual_seed(7)
        both.append(run(net, regions, truth)[0])
    assert torch.equal(*both)


def test_a_mapped_class_comes_before_our_own(monkeypatch):
    from protonet.layers import python

    monkeypatch.setitem(python.MAPPED, "rpn.proposal_layer.ProposalLayer", "torch.nn:Flatten")
    layer = python_layer("proposal_layer.ProposalLayer", "'feat_stride': 16")
    with pytest.raises(NetError, match="would run the Python class 'ProposalLayer'"):
        compiled(layer, [(1, 18, 4, 5), (1, 36, 4, 5), (1, 3)])


@pytest.mark.parametrize(
    ("layer", "shapes", "tops", "told"),
    [
        ('type: "ROIPooling"', [(1, 2, 4, 4), (3, 5)], 1, "pooled_h must be positive"),
        (
            'type: "Proposal" proposal_param { ratio: inf scale: 8 }',
            [(1, 2, 4, 4), (1, 4, 4, 4), (1, 4)],
            1,
            "ratio must be positive and finite, it is inf",
        ),
        (
            'type: "ROIPooling" roi_pooling_param { pooled_h: 2 pooled_w: 2 }',
            [(1, 2, 4, 4), (3, 4)],
            1,
            "regions have the shape Nx5, not 3x4",
        ),
        (
            python_layer("proposal_layer.ProposalLayer", "'feat_stride': 16"),
            [(1, 6, 4, 4), (1, 12, 4, 4), (1, 3)],
            1,
            "9 anchors take 18 channels, not 6",
        ),
        (
            python_layer("proposal_layer.ProposalLayer", "'feat_strid': 16"),
            [(1, 18, 4, 4), (1, 36, 4, 4), (1, 3)],
            1,
            "it has no option 'feat_strid'",
        ),
        (
            python_layer("proposal_target_layer.ProposalTargetLayer", "what"),
            [(4, 5), (2, 5)],
            5,
            "'what' holds no names with values",
        ),
        (
            'type: "SmoothL1Loss" smooth_l1_loss_param { sigma: 0 }',
            [(2, 3), (2, 3)],
            1,
            "sigma must be positive, not 0",
        ),
        (
            'type: "ROIAlign" roi_align_param { pooled_h: 2 pooled_w: 2 }',
            [(1, 2, 4, 4), (3, 5)],
            1,
            "means other things in other forks",
        ),
        ('type: "SmoothL1Loss"', [(2, 3), (2, 4)], 1, "is not that of the first bottom, 2x3"),
        ('type: "Proposal"', [(1, 4, 2, 2), (1, 8, 2, 2), (1, 4)], 1, "it has no anchors"),
        (
            PSROI,
            [(1, 17, 4, 4), (3, 5)],
            1,
            "takes 4 channels, not 17",
        ),
    ],
)
def test_what_the_forks_would_refuse(layer, shapes, tops, told):
    with pytest.raises(NetError, match=told) as caught:
        compiled(layer, shapes, tops)
    assert caught.value.span is not None
