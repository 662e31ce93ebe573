"""SSD's layers over randomised fields, against the numpy of boxes_reference.py and OpenCV."""

from __future__ import annotations

import math

import boxes_reference as reference
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError
from protonet.schema.pool import message

quick = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
seeds = st.integers(0, 2**16)
flags = st.booleans()
CODES = ["CORNER", "CENTER_SIZE", "CORNER_SIZE"]


def word(flag):
    return str(flag).lower()


def text_of(kind, fields, shapes):
    text = ""
    for index, shape in enumerate(shapes):
        dims = " ".join(f"dim: {n}" for n in shape)
        text += f'layer {{ name: "in{index}" type: "Input" top: "b{index}" '
        text += f"input_param {{ shape {{ {dims} }} }} }}\n"
    bottoms = " ".join(f'bottom: "b{i}"' for i in range(len(shapes)))
    return text + f'layer {{ name: "l" type: "{kind}" {bottoms} top: "t" {fields} }}'


def compiled(kind, fields, shapes):
    return protonet.compile(text_of(kind, fields, shapes), outputs=["t"]).double()


def run(net, *arrays):
    return net(*(torch.from_numpy(np.asarray(a, np.float64)) for a in arrays))["t"]


def close(actual, wanted):
    assert tuple(actual.shape) == np.shape(wanted)
    np.testing.assert_allclose(actual.detach().numpy(), wanted, rtol=1e-6, atol=1e-7)


def random_boxes(draw, number, spread=0.2):
    """Corners inside the image and, by the spread, around it."""
    low = draw.uniform(-spread, 0.8, (number, 2))
    return np.hstack([low, low + draw.uniform(0.05, 0.5, (number, 2))])


def random_priors(draw, number):
    variance = draw.uniform(0.1, 0.3, (number, 4))
    return np.stack([random_boxes(draw, number), variance]).reshape(1, 2, -1)


@quick
@given(seeds, st.permutations(range(4)), st.integers(0, 4))
def test_permute(seed, order, stated):
    x = np.random.default_rng(seed).normal(size=(2, 3, 4, 5))
    fields = " ".join(f"order: {axis}" for axis in order[:stated])
    rest = [axis for axis in range(4) if axis not in order[:stated]]
    net = compiled("Permute", f"permute_param {{ {fields} }}", [x.shape])
    close(run(net, x), x.transpose(*order[:stated], *rest))


@quick
@given(seeds, flags, flags, st.sampled_from([(2, 3), (2, 3, 4), (2, 3, 2, 4)]))
def test_normalize(seed, across, shared, shape):
    draw = np.random.default_rng(seed)
    fields = f"across_spatial: {word(across)} channel_shared: {word(shared)} eps: 0.001"
    net = compiled("Normalize", f"norm_param {{ {fields} }}", [shape])
    scale = draw.normal(size=() if shared else 3)
    protonet.load_blobs(net, {"l": [scale]})
    x = draw.normal(size=shape)
    close(run(net, x), reference.normalize(x, scale, across=across, eps=0.001))
    variable = torch.from_numpy(x).requires_grad_()
    torch.autograd.gradcheck(lambda v: net(v)["t"], variable)


@pytest.mark.parametrize("kind", ["L1", "L2"])
def test_normalize_without_norm_param_has_no_scale(kind):
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    net = compiled("Normalize", f'normalize_param {{ normalize_type: "{kind}" }}', [x.shape])
    assert not list(net.parameters())
    length = abs(x).sum(1) + 1e-6 if kind == "L1" else np.sqrt((x**2).sum(1) + 1e-6)
    close(run(net, x), x / length[:, None])


def prior_fields(p):
    fields = " ".join(f"min_size: {v}" for v in p["min"])
    fields += "".join(f" max_size: {v}" for v in p["max"])
    fields += "".join(f" aspect_ratio: {v}" for v in p["ratio"])
    fields += "".join(f" variance: {v}" for v in p["variance"])
    fields += f" flip: {word(p['flip'])} clip: {word(p['clip'])} offset: {p['offset']}"
    return fields + (f" step_h: {p['step'][0]} step_w: {p['step'][1]}" if p["step"] else "")


@st.composite
def prior_options(draw):
    least = draw(st.lists(st.sampled_from([10, 30.5, 60]), min_size=1, max_size=2))
    return {
        "min": least,
        "max": [v + 21 for v in least] if draw(flags) else [],
        "ratio": draw(st.lists(st.sampled_from([1, 2, 3, 0.5]), max_size=3)),
        "variance": draw(st.sampled_from([[0.1], [0.1, 0.1, 0.2, 0.2]])),
        "flip": draw(flags),
        "clip": draw(flags),
        "offset": draw(st.sampled_from([0.5, 0.0])),
        "step": draw(st.sampled_from([None, (8, 7)])),
    }


@pytest.mark.parametrize("clip", [False, True])
def test_prior_boxes_in_two_rows(clip):
    """TextBoxes lays each box at its place and half a step below, in parts of pixels."""
    fields = "min_size: 10.5 max_size: 22.5 aspect_ratio: 2 aspect_ratio: 5 flip: false"
    shapes = [(1, 5, 3, 4), (1, 3, 30, 50)]
    text = f"prior_box_param {{ {fields} clip: {str(clip).lower()} two_rows: true variance: 0.1 }}"
    y = run(compiled("PriorBox", text, shapes), *(np.zeros(shape) for shape in shapes))
    wanted = []
    for i, j in np.ndindex(3, 4):
        for size, ratio in ((10.5, 1), (math.sqrt(10.5 * 22.5), 1), (10.5, 2), (10.5, 5)):
            wide, high = size * math.sqrt(ratio) / 2, size / math.sqrt(ratio) / 2
            for down in (0.5, 1.0):
                x, y_ = (j + 0.5) * 12.5, (i + down) * 10
                box = [(x - wide) / 50, (y_ - high) / 30, (x + wide) / 50, (y_ + high) / 30]
                wanted.append(np.clip(box, 0, 1) if clip else box)
    wanted = np.array(wanted)
    close(y, np.stack([wanted, np.full_like(wanted, 0.1)]).reshape(1, 2, -1))


@quick
@given(prior_options(), st.integers(1, 4), st.integers(1, 4))
def test_prior_box(p, height, width):
    shapes = [(2, 5, height, width), (2, 3, 40, 50)]
    net = compiled("PriorBox", f"prior_box_param {{ {prior_fields(p)} }}", shapes)
    y = run(net, *(np.zeros(shape) for shape in shapes))
    close(y, reference.prior_box((height, width), (40, 50), p))


@st.composite
def output_options(draw):
    return {
        "classes": draw(st.integers(2, 4)),
        "shared": draw(flags),
        "code": draw(st.sampled_from(CODES)),
        "encoded": draw(flags),
        "background": draw(st.sampled_from([0, 1, -1])),
        "threshold": draw(st.sampled_from([0.01, 0.5, 0.99])),
        "nms": draw(st.sampled_from([0.0, 0.3, 0.7, 0.9])),
        "eta": draw(st.sampled_from([1.0, 0.9])),
        "top_k": draw(st.sampled_from([None, 0, 3, 50])),
        "keep": draw(st.sampled_from([None, 1, 5, 200])),
    }


def output_fields(p):
    fields = f"num_classes: {p['classes']} share_location: {word(p['shared'])} "
    fields += f"code_type: {p['code']} variance_encoded_in_target: {word(p['encoded'])} "
    fields += f"background_label_id: {p['background']} confidence_threshold: {p['threshold']} "
    fields += f"keep_top_k: {-1 if p['keep'] is None else p['keep']} "
    fields += f"nms_param {{ nms_threshold: {p['nms']} eta: {p['eta']} "
    fields += "" if p["top_k"] is None else f"top_k: {p['top_k']} "
    return f"detection_output_param {{ {fields} }} }}"


@quick
@given(seeds, output_options(), st.integers(1, 3), st.integers(1, 12))
def test_detection_output(seed, p, images, boxes):
    draw = np.random.default_rng(seed)
    sets = 1 if p["shared"] else p["classes"]
    offsets = draw.normal(size=(images, boxes * sets * 4)) * 0.3
    scores = draw.uniform(size=(images, boxes * p["classes"]))
    priors = random_priors(draw, boxes)
    arrays = (offsets, scores, priors)
    net = compiled("DetectionOutput", output_fields(p), [a.shape for a in arrays])
    close(run(net, *arrays), reference.detection_output(*arrays, p))


@quick
@given(seeds, st.sampled_from([0, 2]), flags, flags, st.integers(0, 6), st.integers(1, 5))
def test_detection_evaluate(seed, background, difficult, landmarks, many, real):
    draw = np.random.default_rng(seed)
    labels = draw.choice([label for label in range(3) if label != background], (real, 1))
    truth = np.hstack([draw.integers(0, 2, (real, 1)), labels, draw.integers(0, 3, (real, 1))])
    truth = np.hstack([truth, random_boxes(draw, real), draw.integers(0, 2, (real, 1))])
    near = truth[draw.integers(0, real, many)]
    noise = draw.normal(size=(many, 4)) * 0.05
    found = np.hstack([near[:, :2], draw.uniform(size=(many, 1)), near[:, 3:7] + noise])
    found = np.vstack([found, np.full((1, 7), -1.0)])
    truth = np.vstack([truth, np.full((1, 8), -1.0), truth[:1]])
    fields = f"num_classes: 3 background_label_id: {background} overlap_threshold: 0.4 "
    fields += f"evaluate_difficult_gt: {word(difficult)} has_lm: {word(landmarks)}"
    if landmarks:
        found = np.hstack([found, draw.normal(size=(len(found), 10))])
        truth = np.hstack([truth, draw.normal(size=(len(truth), 11))])
    shapes = [(1, 1, *found.shape), (1, 1, *truth.shape)]
    net = compiled("DetectionEvaluate", f"detection_evaluate_param {{ {fields} }}", shapes)
    wanted = reference.detection_evaluate(
        found[:, :7], truth[:, :8], 3, background=background, threshold=0.4, difficult=difficult
    )
    close(run(net, found[None, None], truth[None, None]), wanted)


@st.composite
def loss_options(draw):
    mining = draw(st.sampled_from(["NONE", "MAX_NEGATIVE", "HARD_EXAMPLE"]))
    return {
        "classes": draw(st.integers(2, 4)),
        "shared": draw(flags) or mining != "NONE",
        "code": draw(st.sampled_from(CODES)),
        "encoded": draw(flags),
        "match": draw(st.sampled_from(["BIPARTITE", "PER_PREDICTION"])),
        "overlap": draw(st.sampled_from([0.2, 0.5])),
        "priors": draw(flags),
        "inside_only": draw(flags),
        "bp_inside": draw(flags),
        "difficult": draw(flags),
        "mining": mining,
        "ratio": draw(st.sampled_from([1.5, 3.0])),
        "neg_overlap": draw(st.sampled_from([0.1, 0.5])),
        "samples": draw(st.sampled_from([2, 5, 64])),
        "nms": draw(st.sampled_from([None, (0.3, 4), (0.5, 20)])),
        "nms_priors": draw(flags),
        "location": draw(st.sampled_from(["L2", "SMOOTH_L1"])),
        "confidence": draw(st.sampled_from(["SOFTMAX", "LOGISTIC", "FOCALSOFTMAX"])),
        "weight": draw(st.sampled_from([1.0, 0.5])),
        "normalization": draw(st.sampled_from(["FULL", "VALID", "BATCH_SIZE", "NONE"])),
    }


def loss_fields(p):
    fields = f"num_classes: {p['classes']} share_location: {word(p['shared'])} "
    fields += f"code_type: {p['code']} encode_variance_in_target: {word(p['encoded'])} "
    fields += f"match_type: {p['match']} overlap_threshold: {p['overlap']} "
    fields += f"use_prior_for_matching: {word(p['priors'])} bp_inside: {word(p['bp_inside'])} "
    fields += f"ignore_cross_boundary_bbox: {word(p['inside_only'])} "
    fields += f"use_difficult_gt: {word(p['difficult'])} mining_type: {p['mining']} "
    fields += f"neg_pos_ratio: {p['ratio']} neg_overlap: {p['neg_overlap']} "
    fields += f"sample_size: {p['samples']} use_prior_for_nms: {word(p['nms_priors'])} "
    fields += f"loc_loss_type: {p['location']} conf_loss_type: {p['confidence']} "
    fields += f"loc_weight: {p['weight']} "
    if p["nms"]:
        fields += f"nms_param {{ nms_threshold: {p['nms'][0]} top_k: {p['nms'][1]} }}"
    loss = f"loss_param {{ normalization: {p['normalization']} }}"
    return f"multibox_loss_param {{ {fields} }} {loss}"


@settings(quick, max_examples=60)
@given(seeds, loss_options(), st.integers(1, 3), st.integers(1, 10), st.integers(0, 5))
def test_multibox_loss(seed, p, images, boxes, real):
    draw = np.random.default_rng(seed)
    sets = 1 if p["shared"] else p["classes"]
    offsets = draw.normal(size=(images, boxes * sets * 4)) * 0.5
    scores = draw.normal(size=(images, boxes * p["classes"]))
    priors = random_priors(draw, boxes)
    truth = np.full((real + 1, 8), -1.0)
    truth[:real, 0] = draw.integers(0, images, real)
    truth[:real, 1] = draw.integers(1, p["classes"], real)
    truth[:real, 3:7] = random_boxes(draw, real, 0)
    truth[:real, 7] = draw.integers(0, 2, real)
    shapes = [offsets.shape, scores.shape, priors.shape, (1, 1, *truth.shape)]
    kind = "MultiBoxSSDLoss" if p["confidence"] == "FOCALSOFTMAX" else "MultiBoxLoss"
    net = compiled(kind, loss_fields(p), shapes)
    y = run(net, offsets, scores, priors, truth[None, None])
    close(y, reference.multibox_loss(offsets, scores, priors, truth, p))


@pytest.mark.parametrize(
    ("label", "background", "told"),
    [
        (0, 0, "the label 0, the background's"),
        (2, 2, "the label 2, the b"),
        (-2, 0, "-2, none of 3 classes"),
    ],
)
def test_true_boxes_of_the_background(label, background, told):
    truth = np.array([[-1, background, *[0] * 6], [0, label, 0, 0.1, 0.1, 0.5, 0.6, 1]])
    fields = f"num_classes: 3 background_label_id: {background}"
    shapes = [(1, 32), (1, 24), (1, 2, 32), (1, 1, 2, 8)]
    net = compiled(
        "MultiBoxLoss", f"multibox_loss_param {{ {fields} use_difficult_gt: false }}", shapes
    )
    with pytest.raises(ValueError, match=told):
        run(net, *(np.zeros(shape) for shape in shapes[:3]), truth[None, None])
    evaluate = f"detection_evaluate_param {{ {fields} }}"
    net = compiled("DetectionEvaluate", evaluate, [(1, 1, 1, 7), (1, 1, 1, 8)])
    with pytest.raises(ValueError, match=told):
        run(net, np.zeros((1, 1, 1, 7)), truth[None, None, 1:])


@pytest.mark.parametrize("shape", [(2, 1, 3, 8), (4, 3, 3, 5)])
def test_a_truth_of_another_shape_is_its_first_numbers(shape):
    draw = np.random.default_rng(0)
    truth = np.zeros((3, 8))
    truth[:, 0], truth[:, 1], truth[:, 3:7] = [0, 1, 1], [1, 2, 1], random_boxes(draw, 3, 0)
    numbers = draw.normal(size=shape)
    numbers.reshape(-1)[:24] = truth.reshape(-1)
    offsets, scores = draw.normal(size=(2, 24)), draw.normal(size=(2, 18))
    priors = random_priors(draw, 6)
    fields = "multibox_loss_param { num_classes: 3 }"
    found = [
        run(
            compiled("MultiBoxLoss", fields, [(2, 24), (2, 18), priors.shape, given.shape]),
            *(offsets, scores, priors, given),
        )
        for given in (numbers, truth[None, None])
    ]
    close(found[0], found[1].numpy())
    with pytest.raises(NetError, match="1x1xNx8"):
        compiled("MultiBoxLoss", fields, [(2, 24), (2, 18), priors.shape, (1, 1, 3, 7)])


@pytest.mark.parametrize("confidence", ["SOFTMAX", "LOGISTIC", "FOCALSOFTMAX"])
@pytest.mark.parametrize("location", ["L2", "SMOOTH_L1"])
def test_gradients_of_the_multibox_loss(location, confidence):
    draw = np.random.default_rng(3)
    fields = f"num_classes: 3 code_type: CENTER_SIZE loc_loss_type: {location} "
    fields += f"conf_loss_type: {confidence}"
    truth = np.array([[0, 1, 0, 0.1, 0.1, 0.5, 0.6, 0], [1, 2, 0, 0.3, 0.2, 0.9, 0.7, 0]])
    shapes = [(2, 32), (2, 24), (1, 2, 32), (1, 1, 2, 8)]
    net = compiled("MultiBoxSSDLoss", f"multibox_loss_param {{ {fields} }}", shapes)
    priors = torch.from_numpy(random_priors(draw, 8))
    offsets, scores = (
        torch.from_numpy(draw.normal(size=shape)).requires_grad_() for shape in shapes[:2]
    )
    given_truth = torch.from_numpy(truth)[None, None]
    torch.autograd.gradcheck(
        lambda x, s: net(x, s, priors, given_truth)["t"], (offsets, scores), fast_mode=True
    )


SSD = """
name: "ssd"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 32 dim: 40 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 6 kernel_size: 3 stride: 8 pad: 1
                            weight_filler { type: "xavier" } } }
layer { name: "norm" type: "Normalize" bottom: "conv" top: "norm"
        norm_param { across_spatial: false channel_shared: false
                     scale_filler { type: "constant" value: 2 } } }
layer { name: "loc" type: "Convolution" bottom: "norm" top: "loc"
        convolution_param { num_output: 16 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" }
layer { name: "conf" type: "Convolution" bottom: "norm" top: "conf"
        convolution_param { num_output: 12 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm"
        permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_reshape" type: "Reshape" bottom: "conf_perm" top: "conf_reshape"
        reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "prob" type: "Softmax" bottom: "conf_reshape" top: "prob"
        softmax_param { axis: 2 } }
layer { name: "conf_flat" type: "Flatten" bottom: "prob" top: "conf_flat" }
layer { name: "prior" type: "PriorBox" bottom: "norm" bottom: "data" top: "prior"
        prior_box_param { min_size: 11 max_size: 21 aspect_ratio: 2 clip: false
                          variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "conf_flat"
        bottom: "prior" top: "out"
        detection_output_param { num_classes: 3 share_location: true background_label_id: 0
            code_type: CENTER_SIZE keep_top_k: 20
            confidence_threshold: 0.1 nms_param { nms_threshold: 0.45 top_k: 30 } } }
"""


def test_a_whole_detector_is_opencvs(tmp_path):
    cv2 = pytest.importorskip("cv2")
    if int(cv2.__version__.split(".")[0]) > 4:
        pytest.skip("OpenCV 5 has no Caffe importer")
    torch.manual_seed(0)
    net = protonet.compile(SSD)
    blobs = protonet.dump_blobs(net)
    model = message("NetParameter")
    for name, arrays in blobs.items():
        layer = model.layer.add(name=name)
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape or (1,))
            blob.data.extend(array.reshape(-1).tolist())
    (tmp_path / "ssd.prototxt").write_text(SSD)
    (tmp_path / "ssd.caffemodel").write_bytes(model.SerializeToString())
    other = cv2.dnn.readNetFromCaffe(
        str(tmp_path / "ssd.prototxt"), str(tmp_path / "ssd.caffemodel")
    )
    x = np.random.default_rng(0).normal(size=(1, 3, 32, 40)).astype(np.float32)
    other.setInput(x)
    wanted = other.forward()
    found = net(torch.from_numpy(x)).detach().numpy()
    order = [np.lexsort((-rows[:, 2], rows[:, 1])) for rows in (found[0, 0], wanted[0, 0])]
    np.testing.assert_allclose(found[0, 0][order[0]], wanted[0, 0][order[1]], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "told"),
    [
        ("Permute", "permute_param { order: 4 }", [(2, 3, 4, 5)], "has no axis 4"),
        ("Permute", "permute_param { order: 1 order: 1 }", [(2, 3)], "names the axis 1 twice"),
        ("PriorBox", "", [(1, 1, 2, 2)] * 2, "it has no min_size"),
        (
            "PriorBox",
            "prior_box_param { min_size: 9 max_size: 8 }",
            [(1, 1, 2, 2)] * 2,
            "max_size 8 must be greater than min_size 9",
        ),
        (
            "PriorBox",
            "prior_box_param { min_size: 9 step: 8 step_h: 4 step_w: 4 }",
            [(1, 1, 2, 2)] * 2,
            "step is given as well as step_h",
        ),
        (
            "DetectionOutput",
            "detection_output_param { num_classes: 3 }",
            [(1, 8), (1, 5), (1, 2, 8)],
            "2 prior boxes take 6 numbers an image, not 1x5",
        ),
        (
            "MultiBoxLoss",
            "multibox_loss_param { num_classes: 3 conf_loss_type: FOCALSOFTMAX }",
            [(1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8)],
            "FOCALSOFTMAX is MultiBoxSSDLoss's alone",
        ),
        (
            "MultiBoxSSDLoss",
            "multibox_loss_param { num_classes: 3 use_tiny_box_match: true }",
            [(1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8)],
            "use_tiny_box_match is not supported",
        ),
        (
            "MultiBoxLoss",
            "multibox_loss_param { num_classes: 3 share_location: false }",
            [(1, 24), (1, 6), (1, 2, 8), (1, 1, 1, 8)],
            "mining takes share_location: true",
        ),
        (
            "MultiBoxLoss",
            "multibox_loss_param { num_classes: 3 do_neg_mining: false }",
            [(1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8)],
            "do_neg_mining false is not what mining_type says",
        ),
        *(
            (
                "MultiBoxLoss",
                f"multibox_loss_param {{ num_classes: 3 {field} }}",
                [(1, 8), (1, 6), (1, 2, 8), (1, 1, 1, 8)],
                told,
            )
            for field, told in (
                ("neg_pos_ratio: -1", "neg_pos_ratio can't be negative"),
                ("mining_type: HARD_EXAMPLE sample_size: 0", "sample_size must be positive"),
                ("ignore_difficult_gt: true", "use_difficult_gt: false leaves them out"),
            )
        ),
        ("Normalize", "norm_param { }", [(3,)], "at least 2 axes"),
        (
            "DetectionEvaluate",
            "detection_evaluate_param { num_classes: 3 }",
            [(1, 1, 2, 6), (1, 1, 2, 8)],
            "takes the shape 1x1xNx7",
        ),
    ],
)
def test_what_ssd_would_refuse(kind, fields, shapes, told):
    with pytest.raises(NetError, match=told) as caught:
        compiled(kind, fields, shapes)
    assert caught.value.span is not None


@pytest.mark.parametrize("clip", [False, True])
def test_clipped_boxes_as_opencv_has_them(clip):
    cv2 = pytest.importorskip("cv2")
    draw = np.random.default_rng(5)
    shapes = {"x": "dim: 1 dim: 24", "s": "dim: 1 dim: 12", "p": "dim: 1 dim: 2 dim: 24"}
    text = "".join(
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {dims} }} }} }}\n"
        for name, dims in shapes.items()
    )
    text += (
        'layer { name: "y" type: "DetectionOutput" bottom: "x" bottom: "s" bottom: "p" top: "y" '
        "detection_output_param { num_classes: 2 share_location: true background_label_id: 0 "
        f"code_type: CENTER_SIZE keep_top_k: 5 confidence_threshold: 0.1 clip: {int(clip)} "
        "nms_param { nms_threshold: 0.6 top_k: 6 } } }"
    )
    low = draw.uniform(0, 0.7, (6, 2))
    corners = np.concatenate([low, low + draw.uniform(0.2, 0.5, (6, 2))], 1)
    priors = np.stack([corners.ravel(), np.tile([0.1, 0.1, 0.2, 0.2], 6)])[None]
    given = {"x": draw.normal(0, 2, (1, 24)), "s": draw.uniform(0, 1, (1, 12)), "p": priors}
    given = {name: value.astype(np.float32) for name, value in given.items()}
    theirs = cv2.dnn.readNetFromCaffe(np.frombuffer(text.encode(), np.uint8))
    for name, value in given.items():
        theirs.setInput(value, name)
    wanted = theirs.forward()
    found = protonet.compile(text)(*map(torch.from_numpy, given.values())).numpy()
    assert found.shape == wanted.shape
    assert bool((abs(wanted[..., 3:] - 0.5) > 0.5 + 1e-6).any()) != clip
    np.testing.assert_allclose(found, wanted, atol=1e-5)
