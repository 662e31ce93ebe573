"""Two nets hold the same blobs, in whatever form each of them has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError
from protonet.runtime.sharing import share_weights

INPUT = 'input: "{}" input_shape {{ dim: 4 dim: {} }}\n'
BLOBS = 'param { name: "w" share_mode: PERMISSIVE }'


def inner(name, bottom, top, outputs, more="", spec=BLOBS):
    fields = f'num_output: {outputs} weight_filler {{ type: "xavier" }} {more}'
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {spec} '
        f"inner_product_param {{ {fields} }} }}\n"
    )


def pair(first, second, phases=("TRAIN", "TEST")):
    return tuple(
        protonet.compile(text, phase=phase)
        for text, phase in zip((first, second), phases, strict=True)
    )


def moved(net):
    """Other values in a net's weights, put there in place as an update does."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return protonet.dump_blobs(net)


@pytest.mark.parametrize("of_d", ["", "transpose: true"])
@pytest.mark.parametrize("of_a", ["", "transpose: true"])
def test_a_view_in_one_net_is_owned_in_the_other(of_a, of_d):
    # a takes 6 values to 3, d 3 to 6: Caffe's blobs have the same 18 values in the same order.
    d = inner("d", "h", "y", 6, of_d)
    both = INPUT.format("x", 6) + inner("a", "x", "h", 3, of_a) + d
    owner, target = pair(both, INPUT.format("h", 3) + d)
    before = protonet.dump_blobs(owner)
    share_weights(target, owner)
    for layer, blobs in before.items():
        for one, other in zip(blobs, protonet.dump_blobs(owner)[layer], strict=True):
            np.testing.assert_array_equal(one, other)
    blobs = moved(owner)
    a, d_blobs = blobs["a"], blobs["d"]
    np.testing.assert_array_equal(a[0].ravel(), d_blobs[0].ravel())
    np.testing.assert_array_equal(protonet.dump_blobs(target)["d"][0], d_blobs[0])
    h = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    weight = a[0].reshape(3, 6) if of_d else a[0].reshape(6, 3).T
    found = target(torch.from_numpy(h)).detach().numpy()
    np.testing.assert_allclose(found, h @ weight + d_blobs[1], rtol=1e-5, atol=1e-6)


def test_several_nets_hold_one_blob():
    plain, turned = inner("d", "h", "y", 6), inner("e", "h", "y", 6, "transpose: true")
    a = inner("a", "x", "h", 3, "transpose: true")
    owner, first = pair(
        INPUT.format("x", 6) + a + plain + turned.replace('"y"', '"z"'),
        INPUT.format("h", 3) + plain,
    )
    others = [protonet.compile(INPUT.format("h", 3) + text) for text in (turned, plain)]
    others.append(protonet.compile(INPUT.format("x", 6) + a))
    for target in (first, *others):
        share_weights(target, owner)
    blobs = moved(owner)
    for target in (first, *others):
        ((layer, own),) = protonet.dump_blobs(target).items()
        np.testing.assert_array_equal(own[0], blobs[layer][0])


def test_a_scale_of_two_axes():
    scale = (
        'layer { name: "s" type: "Scale" bottom: "r" top: "y" scale_param { num_axes: 2 } '
        f"{BLOBS} }}"
    )
    shape = 'input: "r" input_shape { dim: 4 dim: 2 dim: 3 }\n'
    flat = f'layer {{ name: "f" type: "Scale" bottom: "x" top: "z" {BLOBS} }}\n'
    owner, target = pair(INPUT.format("x", 6) + shape + flat + scale, shape + scale)
    share_weights(target, owner)
    weight = moved(owner)["f"][0].reshape(2, 3)
    r = np.random.default_rng(1).normal(size=(4, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(target(torch.from_numpy(r)).detach(), r * weight, rtol=1e-6)


def test_what_both_hold_alike_is_the_tensor_itself():
    text = INPUT.format("x", 6) + inner("a", "x", "h", 3)
    owner, target = pair(text, text)
    share_weights(target, owner)
    assert target.a.weight is owner.a.weight


def test_a_solver_tests_with_what_it_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = (
        'layer {{ name: "{0}" type: "DummyData" top: "{0}" top: "t" include {{ phase: {2} }} '
        "dummy_data_param {{ shape {{ dim: 4 dim: {1} }} shape {{ dim: 4 dim: 6 }} "
        "data_filler {{ value: 0.5 }} data_filler {{ value: 0.25 }} }} }}\n"
    )
    spec = f"{BLOBS} include {{ phase: TRAIN }}"
    net = data.format("x", 6, "TRAIN") + data.format("h", 3, "TEST")
    net += inner("a", "x", "h", 3, spec=spec) + inner("d", "h", "y", 6)
    net += 'layer { name: "l" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "l" }\n'
    Path("net.prototxt").write_text(net)
    solver = 'net: "net.prototxt" base_lr: 0.05 lr_policy: "fixed" max_iter: 4 random_seed: 3 '
    Path("s.prototxt").write_text(f'{solver} snapshot_prefix: "p" test_iter: 1 test_interval: 1')
    trained = protonet.train("s.prototxt", log="none")
    weight, bias = protonet.dump_blobs(trained.net)["d"]
    y = np.full((4, 3), 0.5) @ weight.T + bias
    loss = float(((y - 0.25) ** 2).sum() / 8)
    ((found,),) = trained.tests.values()
    assert found.value == pytest.approx(loss, rel=1e-5)


ALONE = 'param { name: "u" }'


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            INPUT.format("x", 6) + inner("a", "x", "h", 3),
            INPUT.format("x", 6) + inner("a", "x", "h", 4),
            r"blob 0 of layer 'a' is 4x6 in one net, 3x6 in the other",
        ),
        (
            INPUT.format("x", 6) + inner("a", "x", "h", 3),
            INPUT.format("x", 6) + inner("a", "x", "h", 3, "transpose: true"),
            r"blob 0 of layer 'a' is 6x3 in one net, 3x6 in the other",
        ),
        (
            INPUT.format("x", 6) + inner("a", "x", "h", 3, "bias_term: false"),
            INPUT.format("x", 6) + inner("a", "x", "h", 3),
            r"layer 'a' has 2 blobs in one net, 1 in the other",
        ),
        (
            INPUT.format("x", 6) + inner("a", "x", "h", 3) + inner("d", "h", "y", 6, spec=ALONE),
            INPUT.format("x", 6) + inner("a", "x", "h", 3) + inner("d", "h", "y", 6),
            r"layers 'a' and 'd' have one blob 0 in one net, two in the other",
        ),
    ],
)
def test_blobs_that_do_not_fit(first, second, words):
    owner, target = pair(first, second)
    with pytest.raises(NetError, match=words):
        share_weights(target, owner)
