"""Arithmetic, norms and reductions of random forms, lifted and compared with the module itself."""

import math
import random

import pytest
import torch
import torch.nn.functional as F

from protonet import compile
from protonet.diagnostics import NetError
from protonet.exporting.traced import without_warnings
from protonet.lifting.captured import Captured, captured
from protonet.lifting.dialects import dialect_of
from protonet.lifting.lift import lifted, to_caffe
from protonet.lifting.patterns import Called

MERGED = [
    (lambda x: (x + x.tanh()) + (x.abs() - x), ("TanH", "AbsVal", "Eltwise")),
    (lambda x: (x * 2 + 1) * 3 - 4, ("Power",)),
    (lambda x: (x - 1) ** 2, ("Power",)),
    (lambda x: x * x.tanh() * x.abs(), ("TanH", "AbsVal", "Eltwise")),
    (lambda x: x.relu() + 0, ("ReLU",)),
    (lambda x: x.reshape(4, 6).tanh().reshape(x.shape), ("TanH",)),
]
REFUSED = [
    (lambda x: torch.div(x, 2, rounding_mode="floor"), "no layer rounds"),
    (lambda x: x**x, "its exponents differ"),
    (lambda x: (-2.0) ** x, "its base is -2.0, not above 0"),
    (lambda x: torch.where(x > 0, x, float("inf")), "where infinity stands"),
    (lambda x: x.clamp(2, 1), "above the upper one"),
    (lambda x: torch.sort(x, stable=True)[0], "the last first"),
    (lambda x: (x.argmax(1) & 1).float(), "no numbers"),
    (lambda x: x + -math.inf, "Power would take -inf as shift"),
    (lambda x: x * math.nan, "Power would take nan as scale"),
    (lambda x: x * 1e39, "Power would take 1e.39 as scale"),
    (lambda x: F.leaky_relu(x, math.inf), "ReLU would take inf as negative_slope"),
    (lambda x: torch.lerp(x, x * 2, math.inf), "Eltwise would take .* as coeff"),
]


def lift(module, given, path):
    """The blobs that protonet computes of the written files, beside the module's."""
    report = to_caffe(module, given, path)
    net = compile(report.prototxt, weights=report.caffemodel).eval()
    with torch.no_grad():
        found, right = net(*given), module(*given)
    return report, found, right


def close(found, right):
    torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("function", "layers"), MERGED)
def test_arithmetic_in_a_row_is_one_layer(function, layers, tmp_path):
    report, found, right = lift(Called(function), (torch.randn(2, 3, 4),), tmp_path / "net")
    assert tuple(kind for _, kind in report.layers) == layers
    close(found, right)


@pytest.mark.parametrize(("function", "words"), REFUSED)
def test_what_no_layers_do_is_refused(function, words, tmp_path):
    with pytest.raises(NetError, match=words):
        to_caffe(Called(function), torch.randn(2, 3), tmp_path / "net")
    assert not list(tmp_path.iterdir())


BEYOND = (math.inf, -math.inf, math.nan)
COMPARISONS = (torch.lt, torch.le, torch.gt, torch.ge, torch.eq, torch.ne)


def test_comparisons_with_what_is_no_finite_number(tmp_path):
    def compared(x):
        both = [(x, x.new_full((), number)) for number in BEYOND]
        pairs = [*both, *((y, x) for x, y in both)]
        return torch.cat([compare(*pair).float() for compare in COMPARISONS for pair in pairs])

    _, found, right = lift(Called(compared), (torch.randn(2, 3),), tmp_path / "net")
    assert torch.equal(found, right)
    assert 0 < right.mean() < 1


def test_a_mask_of_infinity_is_added_to_scores(tmp_path):
    mask = torch.full((4, 4), -math.inf).triu(1)
    module = Called(lambda x: (x + mask).softmax(-1))
    report, found, right = lift(module, (torch.randn(2, 4, 4),), tmp_path / "net")
    assert [kind for _, kind in report.layers] == ["Bias", "Softmax"]
    close(found, right)


def test_attention_comes_in_core_operators(tmp_path):
    attention = Called(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True))
    check_core(attention, (torch.randn(1, 2, 3, 4),) * 3, None, tmp_path)


SEEDS = [seed if seed < 6 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(24)]


@pytest.mark.parametrize("seed", SEEDS)
def test_shapes_that_broadcast(seed, tmp_path):
    choose = random.Random(seed)
    shape = [choose.randint(1, 4) for _ in range(choose.randint(1, 4))]
    small = [choose.choice((1, size)) for size in shape][choose.randint(0, len(shape) - 1) :]
    constant = torch.randn(small) + 3
    function = choose.choice((torch.add, torch.sub, torch.mul, torch.div, torch.maximum))
    swapped = choose.random() < 0.5

    def of_blobs(x, y):
        y = y.abs() + 1
        x = x.abs() + 1
        both = function(y, x) if swapped else function(x, y)
        return both + function(x, constant)

    close(*lift(Called(of_blobs), (torch.randn(shape), torch.randn(small)), tmp_path / "net")[1:])


@pytest.mark.parametrize("seed", SEEDS)
def test_reductions_over_any_axes(seed, tmp_path):
    choose = random.Random(seed)
    shape = [choose.randint(2, 4) for _ in range(choose.randint(2, 5))]
    axes = choose.sample(range(len(shape)), choose.randint(1, len(shape)))
    keeps = choose.random() < 0.5
    functions = (torch.sum, torch.mean, torch.amax, torch.amin, torch.var, torch.logsumexp)
    function = functions[seed % len(functions)]
    module = Called(lambda x: function(x, axes, keepdim=keeps))
    close(*lift(module, (torch.randn(shape),), tmp_path / "net")[1:])


@pytest.mark.parametrize("axis", range(4))
def test_along_any_axis(axis, tmp_path):
    def along(x):
        small = F.normalize(x, dim=axis) + x.softmax(axis) - x.norm(dim=axis, keepdim=True)
        return small + x.cumsum(axis) * x.log_softmax(axis).exp()

    close(*lift(Called(along), (torch.randn(2, 3, 4, 2),), tmp_path / "net")[1:])


def test_log_softmax_of_far_numbers_is_finite(tmp_path):
    given = torch.tensor([[0.0, 300.0, -500.0]])
    _, found, right = lift(Called(lambda x: x.log_softmax(1)), (given,), tmp_path / "net")
    assert torch.equal(found, right)


def test_values_between_bounds_stay_to_the_bit(tmp_path):
    given = torch.linspace(0, 6, 97).reshape(1, 97) ** 3 / 36
    _, found, right = lift(Called(F.relu6), (given,), tmp_path / "net")
    assert torch.equal(found[given < 6], right[given < 6])


STEPS = [
    (torch.nn.Softplus(2.0), ("Power", "BNLL", "Power")),
    (torch.nn.Mish(), ("BNLL", "TanH", "Eltwise")),
    (torch.nn.CELU(0.5), ("Power", "ELU", "Power")),
    (torch.nn.PReLU(3), ("PReLU",)),
    (torch.nn.GroupNorm(3, 3), ("Reshape", "BatchNorm", "Reshape", "Scale")),
    (torch.nn.LayerNorm(4), ("Reshape", "BatchNorm", "Reshape", "Scale")),
    (torch.nn.InstanceNorm2d(3), ("Reshape", "BatchNorm", "Reshape")),
    (torch.nn.LocalResponseNorm(3), ("LRN",)),
    (torch.nn.Softmax(2), ("Softmax",)),
    (torch.nn.Hardswish(), None),
    (Called(lambda x: x.logsumexp(3)), None),
]


@pytest.mark.parametrize(("module", "layers"), STEPS)
def test_programs_that_come_in_core_operators(module, layers, tmp_path):
    check_core(module, (torch.randn(2, 3, 4, 4) * 50,), layers, tmp_path)


def check_core(module, given, layers, tmp_path):
    """A module decomposed to core operators: its layers, and what they compute."""
    with torch.no_grad(), without_warnings():
        program = captured(module, given).program.run_decompositions()
    source = Captured(program, given)
    report = lifted(source, "net", tmp_path / "net", dialect_of("bvlc"), 1e-4, False)
    assert layers is None or tuple(kind for _, kind in report.layers) == layers
    net = compile(report.prototxt, weights=report.caffemodel).eval()
    with torch.no_grad():
        close(net(*given), module(*given))


def test_a_norm_that_trains_is_refused(tmp_path):
    given = (torch.randn(2, 3, 2, 2),)
    with torch.no_grad(), without_warnings():
        program = torch.export.export(torch.nn.BatchNorm2d(3), given).run_decompositions({})
    source = Captured(program, given)
    with pytest.raises(NetError, match="changes its running statistics"):
        lifted(source, "net", tmp_path / "net", dialect_of("bvlc"), 1e-4, False)
