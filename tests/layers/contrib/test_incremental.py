"""Powers of two by portions, and numbers that are pruned and grow, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import protonet
from protonet.diagnostics import NetError
from protonet.training.updates import SGD

ONE = "{ type: 'constant' value: 1 }"
ONES = f"weight_mask_filler {ONE} bias_mask_filler {ONE}"
NET = """layer {{ name: "data" type: "DummyData" top: "x" top: "t" dummy_data_param {{
  shape {{ dim: 3 dim: 2 dim: 6 dim: 6 }} shape {{ dim: 3 dim: 4 }}
  data_filler {{ type: "gaussian" }} data_filler {{ type: "gaussian" }} }} }}
layer {{ name: "c" type: "{kind}Convolution" bottom: "x" top: "c" convolution_param {{ num_output: 4
  kernel_size: 3 stride: 2 pad: 1 group: 2 {fill} }} {low}_convolution_param {{ {more} }} }}
layer {{ name: "f" type: "{kind}InnerProduct" bottom: "c" top: "y" inner_product_param {{
  num_output: 4 {fill} }} {low}_inner_product_param {{ {more} }} }}
layer {{ name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }}
"""
FILL = "weight_filler { type: 'gaussian' std: 0.3 } bias_filler { type: 'gaussian' std: 0.2 }"
SOLVER = """base_lr: 0.05 lr_policy: "fixed" momentum: 0.9 weight_decay: 0.1 max_iter: 3
  random_seed: 4 snapshot_prefix: "d" net: "net.prototxt" """


def text(kind, more, fill=FILL):
    return NET.format(kind=kind, low=kind.lower(), more=f"{more} {ONES}", fill=fill)


def rounded(w, mask, before, after, values):
    """What is rounded, and the masks then, number by number."""
    w, mask = w.astype(np.float64).copy(), mask.copy()
    free = sorted(abs(v) for v, m in zip(w.flat, mask.flat, strict=True) if m)
    done = [abs(v) for v, m in zip(w.flat, mask.flat, strict=True) if not m]
    highest = np.floor(np.log2(4 * free[-1] / 3))
    highest = np.rint(np.log2(max(done))) if done and max(done) > 0 else highest
    left = int(np.floor(np.floor(len(free) / (1 - before) + 0.5) * (1 - after) + 0.5))
    for i in np.ndindex(w.shape):
        if mask[i] and left < len(free) and abs(w[i]) >= free[left]:
            power = np.floor(np.log2(4 * abs(w[i]) / 3)) if w[i] else -np.inf
            w[i] = np.sign(w[i]) * 2.0**power if power >= highest - values + 1 else 0
            mask[i] = 0
    return w, mask


def test_portion_after_portion_becomes_powers_of_two():
    torch.manual_seed(1)
    x = torch.randn(3, 2, 6, 6)
    blobs = None
    for before, after in ((0.0, 0.5), (0.5, 0.75), (0.75, 1.0)):
        fields = f"portion: {before} portion: {after} num_quantum_values: 3"
        net = protonet.compile(text("INQ", fields), phase="TRAIN")
        if blobs is not None:
            protonet.load_blobs(net, blobs)
        was = protonet.dump_blobs(net)
        net(x, torch.zeros(3, 4))["loss"].backward()
        blobs = protonet.dump_blobs(net)
        for name in ("c", "f"):
            for i in (0, 1):
                right, mask = rounded(was[name][i], was[name][i + 2], before, after, 3)
                np.testing.assert_allclose(blobs[name][i], right, rtol=1e-6)
                np.testing.assert_array_equal(blobs[name][i + 2], mask)
        grad = net.c.weight.grad
        assert not grad[net.c.weight_mask == 0].any()
        assert bool(grad[net.c.weight_mask == 1].all())
    assert not blobs["c"][2].any()


def test_the_rounded_convolution_is_a_convolution():
    net = protonet.compile(text("INQ", "portion: 0 portion: 0.6"), phase="TRAIN")
    x = torch.randn(3, 2, 6, 6)
    y = net.c(x)
    right = torch.nn.functional.conv2d(x, net.c.weight, net.c.bias, 2, 1, groups=2)
    torch.testing.assert_close(y, right)
    torch.testing.assert_close(net.f(y.flatten(1)), y.flatten(1) @ net.f.weight.T + net.f.bias)


def test_no_decay_and_no_momentum_moves_what_is_rounded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(text("INQ", "portion: 0 portion: 0.5"))
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    protonet.train("solver.prototxt", log="none")
    once = protonet.dump_blobs(
        protonet.compile("net.prototxt", phase="TRAIN", weights="d_iter_3.caffemodel")
    )
    for weight, mask in ((once["c"][0], once["c"][2]), (once["f"][0], once["f"][2])):
        held, free = np.abs(weight[mask == 0]), np.abs(weight[mask == 1])
        assert len(held) == len(free) == weight.size // 2
        assert np.all((held == 0) | (np.log2(np.where(held, held, 1)) % 1 == 0))
        assert np.any(np.log2(free) % 1 != 0)


def test_a_step_is_caffes_times_the_mask():
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
    mask = torch.tensor([1.0, 0.0, 1.0])
    made = SGD([{"params": [weight]}], lr=0.1, momentum=0.5, weight_decay=0.2)
    made.moving = {weight: mask}
    w, v = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    for gradient in ([1.0, 1.0, 1.0], [0.5, -1.0, 2.0]):
        weight.grad = torch.tensor(gradient)
        made.step()
        v = mask.numpy() * (0.5 * v + 0.1 * (np.array(gradient) + 0.2 * w))
        w = w - v
        np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-6)


def test_small_numbers_are_pruned_and_come_back():
    net = protonet.compile(text("DNS", "c_rate: 0.2 gamma: 0"), phase="TRAIN")
    x = torch.randn(3, 2, 6, 6)
    both = [net.c.weight.detach(), net.c.bias.detach()]
    sizes = np.abs(np.concatenate([b.numpy().ravel() for b in both]).astype(np.float64))
    limit = sizes.mean() + 0.2 * sizes.std()
    wanted = [(b.abs() > 0.95 * limit).float() for b in both]
    y = net.c(x)
    assert torch.equal(net.c.weight_mask, wanted[0])
    assert torch.equal(net.c.bias_mask, wanted[1])
    assert 0 < float(wanted[0].mean()) < 1
    masked = [(b * m).requires_grad_() for b, m in zip(both, wanted, strict=True)]
    right = torch.nn.functional.conv2d(x, *masked, 2, 1, groups=2)
    torch.testing.assert_close(y, right)
    y.square().sum().backward()
    right.square().sum().backward()
    torch.testing.assert_close(net.c.weight.grad, masked[0].grad)  # of the pruned ones, too
    pruned = (net.c.weight_mask == 0).nonzero()[0].tolist()
    with torch.no_grad():
        net.c.weight[tuple(pruned)] = 1.06 * limit
    net.c(x)
    assert net.c.weight_mask[tuple(pruned)] == 1


def test_pruning_ends_at_iter_stop_and_testing_never_prunes():
    net = protonet.compile(text("DNS", "iter_stop: -1"), phase="TRAIN")
    net.c(torch.randn(3, 2, 6, 6))
    assert bool(net.c.weight_mask.all())
    net = protonet.compile(text("DNS", "gamma: 0"), phase="TRAIN").eval()
    net.c(torch.randn(3, 2, 6, 6))
    assert bool(net.c.weight_mask.all())


def test_a_plain_layers_weights_are_taken():
    net = protonet.compile(text("INQ", "portion: 0 portion: 0"), phase="TRAIN")
    given = {"c": [np.ones((4, 1, 3, 3), np.float32), np.full(4, 2, np.float32)]}
    protonet.load_blobs(net, given)
    assert float(net.c.weight.detach().sum()) == 36
    assert bool(net.c.weight_mask.all())


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("INQ", "portion: 0.5", "portion is given 1 times; it takes two"),
        ("INQ", "portion: 0.5 portion: 0.2", "portion goes up from 0 to 1"),
        ("INQ", "portion: 1 portion: 1", "starts below 1, not 1.0 to 1.0"),
    ],
)
def test_what_is_refused(kind, more, told):
    with pytest.raises(NetError, match=told) as caught:
        protonet.compile(text(kind, more))
    assert caught.value.span is not None


@pytest.mark.parametrize(
    ("kind", "more", "solver", "told"),
    [
        ("INQ", "portion: 0 portion: 0.5", "type: 'Adam'", "only SGD keeps its powers of two"),
        ("DNS", "", "iter_size: 2", "it trains with iter_size 1, not 2"),
    ],
)
def test_solvers_that_the_masks_bar(tmp_path, monkeypatch, kind, more, solver, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(text(kind, more))
    base = SOLVER.replace("momentum: 0.9", "") if "Adam" in solver else SOLVER
    (tmp_path / "solver.prototxt").write_text(base + solver)
    with pytest.raises(NetError, match=told) as caught:
        protonet.train("solver.prototxt", log="none")
    assert caught.value.span is not None


def test_untrained_biases_stop_the_rounding():
    fill = "weight_filler { type: 'gaussian' std: 0.3 }"
    net = protonet.compile(text("INQ", "portion: 0 portion: 0.5", fill), phase="TRAIN")
    with pytest.raises(ValueError, match="no number is left to quantise"):
        net.c(torch.randn(3, 2, 6, 6))
