"""Parameters that layers share by name: in one shape, in another, and turned round."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch

import protonet
from protonet import NetError

STRICT, PERMISSIVE = 'param { name: "w" }', 'param { name: "w" share_mode: PERMISSIVE }'


def tied(first="", second="", share=PERMISSIVE):
    return f"""
    input: "x" input_shape {{ dim: 2 dim: 6 }}
    layer {{ name: "a" type: "InnerProduct" bottom: "x" top: "h" {STRICT}
            inner_product_param {{ num_output: 4 {first} }} }}
    layer {{ name: "b" type: "InnerProduct" bottom: "h" top: "y" {share}
            inner_product_param {{ num_output: 6 {second} }} }}
    """


CASES = {
    "turned": ("", "transpose: true", STRICT),
    "reshaped": ("", "", PERMISSIVE),
    "from a turned one": ("transpose: true", "", PERMISSIVE),
    "both turned": ("transpose: true", "transpose: true", PERMISSIVE),
}


def product(x, flat, shape, bias, transpose):
    weight = flat.reshape(shape)
    return x @ (weight if transpose else weight.T) + bias


@pytest.mark.parametrize("case", CASES)
def test_a_parameter_under_another_shape(case):
    first, second, share = CASES[case]
    net = protonet.compile(tied(first, second, share)).double()
    shapes = {layer: blobs[0].shape for layer, blobs in protonet.dump_blobs(net).items()}
    draw = np.random.default_rng(0)
    flat, *biases = (draw.normal(size=n) for n in (24, 4, 6))
    protonet.load_blobs(net, {"a": [np.zeros(shapes["a"]), biases[0]]})
    protonet.load_blobs(net, {"b": [flat.reshape(shapes["b"]), biases[1]]})
    x = draw.normal(size=(2, 6))
    hidden = product(x, flat, shapes["a"], biases[0], "true" in first)
    wanted = product(hidden, flat, shapes["b"], biases[1], "true" in second)
    given = torch.from_numpy(x)
    np.testing.assert_allclose(net(given).detach().numpy(), wanted)
    for blobs in protonet.dump_blobs(net).values():
        np.testing.assert_array_equal(blobs[0].ravel(), flat)
    assert sum(p.numel() for p in net.parameters()) == 24 + 4 + 6
    net(given).sum().backward()
    gradients = [blobs[0].ravel() for blobs in protonet.dump_blobs(net, diff=True).values()]
    assert gradients[0].any()
    np.testing.assert_array_equal(*gradients)


@pytest.mark.usefixtures("guards_unmeasured", "operators_once")
def test_it_copies_pickles_compiles_and_exports():
    net = protonet.compile(tied("", "transpose: true", STRICT))
    x = torch.rand(2, 6)
    wanted = net(x)
    saved = io.BytesIO()
    torch.save(net, saved)
    saved.seek(0)
    loaded = torch.load(saved, weights_only=False)
    compiled = torch.compile(net, fullgraph=True, backend="eager")
    exported = torch.export.export(net, (x,)).module()
    for other in (loaded, copy.deepcopy(net), compiled, exported):
        assert torch.equal(other(x), wanted)
    with torch.no_grad():
        loaded.a.weight.add_(1)
    assert not torch.equal(loaded(x), wanted)
    torch.testing.assert_close(torch.func.vmap(net)(torch.stack([x, x]))[1], wanted)


def test_a_square_weight_is_turned_too():
    text = tied("", "transpose: true", STRICT).replace("dim: 6", "dim: 4")
    net = protonet.compile(text.replace("num_output: 6", "num_output: 4")).double()
    x, weight = torch.rand(2, 4, dtype=torch.float64), torch.rand(4, 4, dtype=torch.float64)
    zeros = np.zeros(4)
    protonet.load_blobs(net, {"a": [weight.numpy(), zeros], "b": [weight.numpy(), zeros]})
    torch.testing.assert_close(net(x), x @ weight.T @ weight)


def test_a_slope_for_all_channels_is_shared_with_a_scale_of_one():
    text = """
    input: "x" input_shape { dim: 2 dim: 3 }
    layer { name: "a" type: "Scale" bottom: "x" top: "h" param { name: "w" }
            scale_param { num_axes: 0 filler { value: -2 } } }
    layer { name: "b" type: "PReLU" bottom: "h" top: "y" param { name: "w" }
            prelu_param { channel_shared: true } }
    """
    x = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, -3.0]])
    wanted = torch.where(x < 0, -2 * x, 4 * x)
    assert torch.equal(protonet.compile(text)(x), wanted)


def test_strict_takes_the_same_shape_and_permissive_the_same_size():
    with pytest.raises(NetError, match="shares the parameter 'w' of shape 4x6"):
        protonet.compile(tied(share=STRICT))
    with pytest.raises(NetError, match="its own would have the shape 5x4"):
        protonet.compile(tied().replace("num_output: 6", "num_output: 5"))


STATISTICS = " ".join(f'param {{ name: "{name}" lr_mult: 0 }}' for name in "mvf")
SIAMESE = f"""
input: "x" input_shape {{ dim: 4 dim: 3 }}
layer {{ name: "a" type: "BatchNorm" bottom: "x" top: "h" {STATISTICS} }}
layer {{ name: "b" type: "BatchNorm" bottom: "h" top: "y" {STATISTICS} }}
"""


@pytest.mark.parametrize(
    "move", [torch.nn.Module.double, lambda net: net.to("meta"), copy.deepcopy]
)
@pytest.mark.parametrize("inside", [False, True])
def test_shared_statistics_are_one_wherever_the_net_goes(move, inside):
    net = protonet.compile(SIAMESE, phase="TRAIN")
    whole = torch.nn.Sequential(net) if inside else net
    moved = move(whole)
    net = moved[0] if inside else moved
    assert all(getattr(net.a, s) is getattr(net.b, s) for s in ("mean", "variance", "factor"))
    if net.a.mean.device.type == "cpu":
        net.train()(torch.randn(4, 3, dtype=net.a.mean.dtype))
        assert net.b.factor == pytest.approx(1.999)  # two batches, the first times 0.999


def test_a_net_that_shares_no_statistics_moves_as_any_module():
    assert "_apply" not in protonet.emit(SIAMESE.replace(STATISTICS, ""))
