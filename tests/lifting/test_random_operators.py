"""Windows, products and recurrences of random shapes: the files give what the modules do."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import protonet
from protonet.exporting.traced import without_warnings
from protonet.lifting.captured import of_program
from protonet.lifting.dialects import dialect_of
from protonet.lifting.lift import lifted, to_caffe


class Several(nn.Module):
    """Modules side by side, each on an input of its own."""

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, *given):
        return tuple(part(x) for part, x in zip(self.parts, given, strict=True))


def flat(value):
    """All tensors that a module returns."""
    return [value] if isinstance(value, torch.Tensor) else [x for each in value for x in flat(each)]


def check(module, given, tmp_path, decomposed=False):
    """The written files beside the module, on numbers that the proof has not seen."""
    module.eval()
    if decomposed:
        with without_warnings():
            program = torch.export.export(module, given, strict=False).run_decompositions()
        path = tmp_path / "core"
        report = lifted(of_program(program, given), "core", path, dialect_of("bvlc"), 1e-4, False)
    else:
        report = to_caffe(module, given, tmp_path / "net")
    assert report.difference <= 1e-4
    names = list(report.outputs)
    net = protonet.compile(report.prototxt, weights=report.caffemodel, outputs=names).eval()
    given = [torch.randn(x.shape) for x in given]
    with torch.no_grad():
        found, right = net(*given), flat(module(*given))
    found = [found[name] for name in names] if isinstance(found, dict) else [found]
    for name, a, b in zip(names, found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def sizes(pick, axes, least):
    return tuple(pick.randint(least, least + 6) for _ in range(axes))


def convolution(pick):
    axes, groups = pick.choice((1, 2, 2, 2, 3)), pick.choice((1, 1, 2))
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    window = {
        "kernel_size": tuple(pick.randint(1, 3) for _ in range(axes)),
        "stride": tuple(pick.randint(1, 3) for _ in range(axes)),
        "dilation": tuple(pick.choice((1, 1, 2, 3)) for _ in range(axes)),
        "padding": tuple(pick.randint(0, 3) for _ in range(axes)),
        "groups": groups,
        "bias": pick.random() < 0.5,
    }
    if pick.random() < 0.2:
        window |= {"stride": 1, "padding": "same"}
    x = torch.randn(2, 2 * groups, *sizes(pick, axes, 7))
    layer = kind(2 * groups, 3 * groups, **window)
    if pick.random() < 0.5:
        pads = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)[axes - 1]
        around = pads(tuple(pick.randint(0, 3) for _ in range(2 * axes)), 0.0)
        return nn.Sequential(around, layer), x
    return layer, x


def deconvolution(pick):
    axes, groups = pick.choice((1, 2, 2, 2, 3)), pick.choice((1, 1, 2))
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[axes - 1]
    stride, dilation = ([pick.randint(1, 3) for _ in range(axes)] for _ in range(2))
    window = {
        "kernel_size": tuple(pick.randint(1, 4) for _ in range(axes)),
        "stride": tuple(stride),
        "dilation": tuple(dilation),
        "padding": tuple(pick.randint(0, 2) for _ in range(axes)),
        "output_padding": tuple(
            pick.randrange(max(s, d)) for s, d in zip(stride, dilation, strict=True)
        ),
        "groups": groups,
        "bias": pick.random() < 0.5,
    }
    x = torch.randn(2, 2 * groups, *(size - 3 for size in sizes(pick, axes, 7)))
    return kind(2 * groups, 3 * groups, **window), x


def pooling(pick):
    axes = pick.choice((1, 2, 2, 2, 3))
    kernel = tuple(pick.randint(1, 4) for _ in range(axes))
    window = {
        "kernel_size": kernel if axes > 1 else kernel[0],
        "stride": pick.choice((None, 1, 2, 3)),
        "padding": tuple(pick.randint(0, k // 2) for k in kernel),
        "ceil_mode": pick.random() < 0.5,
    }
    x = torch.randn(2, 3, *sizes(pick, axes, 10))
    if pick.random() < 0.5:
        window["padding"] = window["padding"][0] if axes == 1 else window["padding"]
        dilation = pick.choice((1, 1, 2))
        layer = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[axes - 1](dilation=dilation, **window)
    else:
        layer = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[axes - 1](
            count_include_pad=pick.random() < 0.5,
            **window,
            **({"divisor_override": pick.choice((None, 5))} if axes > 1 else {}),
        )
    if axes == 2 and pick.random() < 0.3:
        around = nn.ZeroPad2d(tuple(pick.randint(0, 2) for _ in range(4)))
        return nn.Sequential(nn.ReLU(), around, layer), x
    return layer, x


def adaptive(pick):
    axes = pick.choice((1, 2, 2, 2, 3))
    most = pick.random() < 0.5
    kinds = (
        (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
        if most
        else (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    )
    tops = tuple(pick.randint(1, 8) for _ in range(axes))
    return kinds[axes - 1](tops if axes > 1 else tops[0]), torch.randn(2, 3, *sizes(pick, axes, 4))


def kept_and_core(*makes, slow=()):
    """What makes modules, each with its operators kept and decomposed; some of these are slow."""
    found = []
    for make in makes:
        found.append(pytest.param(make, False, id=f"{make.__name__}-kept"))
        marks = [pytest.mark.slow] if make in slow else []
        found.append(pytest.param(make, True, id=f"{make.__name__}-core", marks=marks))
    return found


WINDOWS = kept_and_core(
    convolution,
    deconvolution,
    pooling,
    adaptive,
    slow=(convolution, deconvolution, pooling, adaptive),
)


@pytest.mark.parametrize(("make", "decomposed"), WINDOWS)
def test_random_windows(make, decomposed, tmp_path):
    pick = random.Random(make.__name__)
    torch.manual_seed(0)
    parts, given = zip(*(make(pick) for _ in range(5 if decomposed else 12)), strict=True)
    check(Several(parts), given, tmp_path, decomposed)


class Given(nn.Module):
    """A function of tensors, with constants of its own in the places that are None."""

    def __init__(self, function, *constants):
        super().__init__()
        self.function = function
        self.names = [None if c is None else f"constant{i}" for i, c in enumerate(constants)]
        for name, constant in zip(self.names, constants, strict=True):
            if name is not None:
                self.register_buffer(name, constant)

    def forward(self, *given):
        rest = iter(given)
        return self.function(*(next(rest) if n is None else getattr(self, n) for n in self.names))


def pair(pick, function, *shapes):
    """A function of two tensors, one of which may be constant."""
    tensors = [torch.randn(shape) for shape in shapes]
    fixed = pick.choice((None, None, 0, 1))
    module = Given(function, *(x if i == fixed else None for i, x in enumerate(tensors)))
    return module, [x for i, x in enumerate(tensors) if i != fixed]


def product(pick):
    m, k, n = (pick.randint(1, 4) for _ in range(3))
    batch = [pick.choice((1, 2, 3)) for _ in range(pick.randint(0, 2))]
    other = [pick.choice((1, size)) for size in batch][pick.randint(0, len(batch)) :]
    turn, back = pick.random() < 0.4, pick.random() < 0.4

    def function(x, y):
        return (x.mT if turn else x) @ (y.mT if back else y)

    left = (*batch, k, m) if turn else (*batch, m, k)
    return pair(pick, function, left, (*other, n, k) if back else (*other, k, n))


EQUATIONS = (
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bchw,bkhw->bck", (2, 3, 2, 4), (2, 5, 2, 4)),
    ("nctv,vw->nctw", (2, 3, 4, 5), (5, 3)),
    ("nkctv,kvw->nctw", (1, 2, 3, 4, 5), (2, 5, 3)),
    ("bhid,bhjd->bhij", (1, 2, 3, 4), (1, 2, 5, 4)),
    ("...d,de", (2, 3, 4), (4, 5)),
    ("i,j->ij", (3,), (4,)),
    ("bi,bi->b", (2, 3), (2, 3)),
)


def equation(pick):
    text, *shapes = pick.choice(EQUATIONS)
    return pair(pick, lambda x, y: torch.einsum(text, x, y), *shapes)


def attention(pick):
    batch = (pick.randint(1, 2), pick.randint(1, 2))
    rows, columns, width = (pick.randint(1, 4) for _ in range(3))
    mask = pick.choice((None, torch.randn(rows, columns), torch.rand(rows, columns) < 0.7))
    if mask is not None and mask.dtype == torch.bool:
        mask[:, 0] = True
    module = Given(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask), None, None, None)
    shapes = (*batch, rows, width), (*batch, columns, width), (*batch, columns, 3)
    return module, [torch.randn(shape) for shape in shapes]


class Separate(nn.Module):
    """Modules side by side, each on as many inputs as it takes."""

    def __init__(self, parts, counts):
        super().__init__()
        self.parts, self.counts = nn.ModuleList(parts), counts

    def forward(self, *given):
        rest = iter(given)
        pairs = zip(self.parts, self.counts, strict=True)
        return tuple(part(*(next(rest) for _ in range(count))) for part, count in pairs)


@pytest.mark.parametrize(
    ("make", "decomposed"), kept_and_core(product, equation, slow=(product, equation))
)
def test_random_products(make, decomposed, tmp_path):
    products(make, decomposed, tmp_path)


def test_random_attention(tmp_path):
    products(attention, False, tmp_path)


def products(make, decomposed, tmp_path):
    pick = random.Random(make.__name__)
    torch.manual_seed(0)
    parts, given = zip(*(make(pick) for _ in range(5 if decomposed else 12)), strict=True)
    module = Separate(parts, [len(each) for each in given])
    check(module, tuple(x for each in given for x in each), tmp_path, decomposed)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_random_recurrences(kind, tmp_path):
    pick = random.Random(kind.__name__)
    torch.manual_seed(0)
    parts, given = [], []
    for bidirectional in (False, True, False, True):
        first, layers = pick.random() < 0.5, pick.randint(1, 2)
        bias = pick.random() < 0.7
        manner = {"bias": bias, "batch_first": first, "bidirectional": bidirectional}
        parts.append(kind(3, 2, layers, **manner))
        given.append([torch.randn(2, pick.randint(1, 3), 3)])
        if len(parts) > 2:
            streams = given[-1][0].shape[0 if first else 1]
            state = torch.randn(layers * (1 + bidirectional), streams, 2)
            both = torch.randn(state.shape)
            parts[-1] = WithState(parts[-1], kind is nn.LSTM)
            given[-1] += [state, both] if kind is nn.LSTM else [state]
    module = Separate(parts, [len(each) for each in given])
    check(module, tuple(x for each in given for x in each), tmp_path)


class WithState(nn.Module):
    """A recurrent module whose first states are inputs."""

    def __init__(self, inner, both):
        super().__init__()
        self.inner, self.both = inner, both

    def forward(self, x, *states):
        return self.inner(x, states if self.both else states[0])
