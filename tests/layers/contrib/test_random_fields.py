"""DenseCRF and CRF-RNN against mean-field steps over a lattice in plain numpy."""

from __future__ import annotations

import inspect
import math

import lattice_reference as reference
import numpy as np
import pytest
import torch
from one_layer import close, compiled, gradients_hold, numbers, outputs, text_of

import protonet
from protonet.layers.lattice import HELPERS


@pytest.fixture(scope="module")
def helpers():
    """The functions as an emitted file has them, with torch itself."""
    found = {"torch": torch, "math": math}
    for helper in HELPERS:
        exec(inspect.getsource(helper), found)
    return found


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_lattice(helpers, d):
    features, values = numbers(d, (60, d)) * 2, numbers(d + 9, (60, 3))
    lattice = helpers["permutohedral"](torch.from_numpy(features))
    found = helpers["smoothed"](torch.from_numpy(values), lattice)
    close(found.numpy(), reference.smoothed(values, features))


def test_the_lattice_is_nearly_a_gaussian(helpers):
    values = torch.rand(12 * 12, 2, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    places = helpers["pixel_places"](12, 12, values) / 2
    exact = torch.exp(-(torch.cdist(places, places) ** 2) / 2)
    wanted = exact @ values / exact.sum(1, keepdim=True)
    found = helpers["smoothed"](values, helpers["permutohedral"](places))
    assert (found - wanted).abs().max() < 0.04
    assert (found - values).abs().max() > 0.3


CRF = "dense_crf_param { max_iter: 3 pos_w: 2 pos_xy_std: 1.5 bi_w: 4 bi_xy_std: 6 bi_rgb_std: 0.5 "


def field(scores, image, steps):
    unary = scores.reshape(len(scores), -1).T
    colours = image.reshape(3, -1).T
    near = reference.places(*scores.shape[1:])
    alike = np.concatenate([near / 6, colours / 0.5], 1)
    found = reference.softmax(unary)
    for _ in range(steps):
        pull = 2 * reference.smoothed(found, near / 1.5) + 4 * reference.smoothed(found, alike)
        found = reference.softmax(unary + pull)
    return found.T.reshape(scores.shape)


@pytest.mark.parametrize("logarithm", [False, True])
def test_dense_crf_leaves_the_padding_out(logarithm):
    scores, image = numbers(1, (2, 3, 6, 7)), numbers(2, (2, 3, 6, 7))
    sizes = np.array([[6, 7], [4, 5]], float).reshape(2, 1, 1, 2)
    fields = CRF + f"output_probability: {str(not logarithm).lower()} }}"
    net = compiled("DenseCRF", fields, [scores.shape, sizes.shape, image.shape])
    wanted = np.zeros(scores.shape)
    for n, (height, width) in enumerate(((6, 7), (4, 5))):
        found = field(scores[n, :, :height, :width], image[n, :, :height, :width], 3)
        wanted[n, :, :height, :width] = np.log(found) if logarithm else found
    close(outputs(net, scores, sizes, image)[0], wanted, 1e-5)


RNN = (
    "multi_stage_meanfield_param { num_iterations: 2 theta_alpha: 6 theta_beta: 0.5 "
    "theta_gamma: 1.5 spatial_filter_weight: 2 bilateral_filter_weight: 4 "
    "compatibility_mode: POTTS }"
)


def test_meanfield_steps_are_learned():
    scores, start, image = (numbers(n, (2, c, 4, 5)) for n, c in ((1, 3), (2, 3), (3, 3)))
    net = compiled("MultiStageMeanfield", RNN, [scores.shape, start.shape, image.shape])
    blobs = protonet.dump_blobs(net)["l"]
    eye = np.eye(3).reshape(1, 1, 3, 3)
    for blob, factor in zip(blobs, (2, 4, -1), strict=True):
        np.testing.assert_allclose(blob, factor * eye)
    blobs = [blob + 0.3 * numbers(7 + at, blob.shape) for at, blob in enumerate(blobs)]
    protonet.load_blobs(net, {"l": blobs})
    blobs = [blob[0, 0].astype(float) for blob in protonet.dump_blobs(net)["l"]]
    near, wanted = reference.places(4, 5), []
    for n in range(2):
        alike = np.concatenate([near / 6, image[n].reshape(3, -1).T / 0.5], 1)
        own = start[n].reshape(3, -1)
        for _ in range(2):
            share = reference.softmax(own.T)
            message = blobs[0] @ reference.smoothed(share, near / 1.5).T
            message += blobs[1] @ reference.smoothed(share, alike).T
            own = scores[n].reshape(3, -1) - blobs[2] @ message
        wanted.append(own.reshape(3, 4, 5))
    close(outputs(net, scores, start, image)[0], wanted, 1e-5)


@pytest.mark.slow
def test_the_gradients_of_meanfield_steps():
    arrays = [numbers(n, (1, c, 2, 3)) for n, c in ((1, 2), (2, 2), (3, 3))]
    net = compiled("MultiStageMeanfield", RNN, [array.shape for array in arrays])
    assert gradients_hold(net, *arrays, bottoms=(0, 1))


@pytest.mark.parametrize(
    ("kind", "fields", "shapes", "words"),
    [
        ("DenseCRF", CRF + "}", [(2, 3, 6, 7), (2, 1, 1, 2)], "images as a third bottom"),
        ("DenseCRF", CRF + "bi_w: 1 }", [(2, 3, 6, 7), (2, 1, 1, 2)], "bi_w is given 2 times"),
        ("DenseCRF", "", [(2, 3, 6, 7), (2, 2)], "it takes 2x1x1x2 here"),
        ("DenseCRF", "", [(2, 3, 6, 7), (2, 1, 1, 2), (2, 3, 6, 7)], "takes bi_w"),
        ("MultiStageMeanfield", RNN, [(2, 3, 4, 5)] * 2 + [(2, 1, 4, 5)], "it takes 2x3x4x5 here"),
        (
            "MultiStageMeanfield",
            RNN.replace("num_iterations: 2", "num_iterations: 1"),
            [(2, 3, 4, 5)] * 3,
            "at least 2",
        ),
        (
            "MultiStageMeanfield",
            RNN.replace("theta_beta: 0.5", "theta_beta: 0"),
            [(2, 3, 4, 5)] * 3,
            "theta_beta must be positive",
        ),
    ],
)
def test_refused(kind, fields, shapes, words):
    (problem,) = protonet.check(text_of(kind, fields, shapes))
    assert words in problem.message
    assert problem.span is not None


LABELS = (
    "densecrf_param { x_gauss: 1.5 y_gauss: 2 wt_gauss: 2 x_bilateral: 4 y_bilateral: 6 "
    "r_bilateral: 30 g_bilateral: 40 b_bilateral: 50 wt_bilateral: 3 }"
)


def test_the_classes_of_ccnn():
    shapes = [(2, 4, 5, 6), (2, 3, 5, 6)]
    scores, images = numbers(1, shapes[0]), numbers(2, shapes[1]) * 120
    net = compiled("DenseCRF", LABELS, shapes)
    wanted = np.zeros((2, 1, 5, 6))
    for n in range(2):
        unary = scores[n].reshape(4, -1).T
        colours = np.trunc(images[n]).astype(np.int64).astype(np.uint8)[::-1]
        near = reference.places(5, 6)
        alike = np.concatenate(
            [near / (4, 6), colours.reshape(3, -1).T / np.array((30, 40, 50))], 1
        )
        found = reference.softmax(unary)
        for _ in range(10):
            pull = 2 * reference.smoothed(found, near / (1.5, 2))
            pull += 3 * reference.smoothed(found, alike)
            found = reference.softmax(unary + pull)
        wanted[n, 0] = found.argmax(1).reshape(5, 6)
    assert len(np.unique(wanted)) > 1
    assert (wanted != scores.argmax(1)[:, None]).any()
    np.testing.assert_array_equal(outputs(net, scores, images)[0], wanted)


@pytest.mark.parametrize(
    ("fields", "shapes", "words"),
    [
        ("x_gauss: 0", [(1, 4, 5, 6), (1, 3, 5, 6)], "x_gauss must be positive, it is 0"),
        ("x_gauss: 1", [(1, 4, 5, 6), (1, 1, 5, 6)], "take images of 1x3x5x6, not 1x1x5x6"),
        ("x_gauss: 1", [(1, 2, 5, 6), (1, 3, 5, 6)], "fewer than the images"),
    ],
)
def test_what_ccnns_field_refuses(fields, shapes, words):
    text = text_of("DenseCRF", f"densecrf_param {{ {fields} }}", shapes)
    assert words in protonet.check(text)[0].message
