"""Operators that move elements: the layers that they become, and files that prove equal."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from protonet.lifting.captured import captured
from protonet.lifting.dialects import BVLC, Dialect
from protonet.lifting.lift import lifted, to_caffe
from protonet.lifting.movement.padding import padded
from protonet.lifting.values import NewBlob, View

torch.manual_seed(0)


class Moves(nn.Module):
    def __init__(self, move):
        super().__init__()
        self.move = move

    def forward(self, x):
        return self.move(x)


def write_zero(x):
    y = x.clone()
    y[:, 1] = 0
    return y


def temporal_shift(x):
    y = torch.zeros_like(x)
    y[:, :-1, :2] = x[:, 1:, :2]
    y[:, 1:, 2:] = x[:, :-1, 2:]
    return y


def focus(x):
    rows = [x[..., i::2, j::2] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
    return torch.cat(rows, 1)


ONE = {
    "flatten": (lambda x: x.flatten(1), (2, 3, 4, 5), "Flatten"),
    "range": (lambda x: x[:, 1:3], (2, 4, 4, 5), "Slice Silence"),
    "chunk": (lambda x: [c.relu() for c in x.chunk(2, 1)], (2, 4, 3, 3), "Slice ReLU ReLU"),
    "box": (lambda x: x[:, :, 1:3, 2:5], (2, 4, 4, 6), "Slice Slice Silence"),
    "select": (lambda x: x[:, :, 1], (2, 4, 4, 6), "Slice Reshape Silence"),
    "steps": (lambda x: x[:, :, 1::2, ::3], (2, 4, 7, 8), "Convolution"),
    "steps of rows": (lambda x: x[1::2], (5, 6), "Slice Reshape Pooling Reshape Silence"),
    "expand": (lambda x: x.expand(2, 5, 4, 4), (2, 1, 4, 4), "Tile"),
    "repeat": (lambda x: x.repeat(1, 2, 3, 1), (2, 3, 2, 2), "Tile Tile"),
    "interleave": (lambda x: x.repeat_interleave(2, 0), (3, 4), "Tile Reshape"),
    "narrow shuffle": (lambda x: F.channel_shuffle(x, 2), (2, 8, 3, 3), "Convolution"),
    "wide shuffle": (
        lambda x: x.view(1, 4, 160, 2, 2).transpose(1, 2).reshape(1, 640, 2, 2),
        (1, 640, 2, 2),
        "Slice Concat Reshape",
    ),
    "heads": (lambda x: x.view(2, 6, 4, 5).transpose(1, 2), (2, 6, 20), "Slice Concat Reshape"),
    "last axis": (lambda x: x.permute(0, 2, 3, 1), (2, 3, 3, 3), "Reshape Slice Concat Reshape"),
    "any order": (
        lambda x: x.permute(3, 1, 0, 2),
        (2, 3, 4, 5),
        "Reshape Parameter BatchReindex Reshape",
    ),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (2, 8, 3, 3), "Deconvolution"),
    "pixel unshuffle": (lambda x: F.pixel_unshuffle(x, 2), (2, 3, 6, 6), "Convolution"),
    "focus": (focus, (2, 3, 6, 6), "Convolution"),
    "flip": (lambda x: x.flip(3), (2, 3, 6, 6), "Slice Concat"),
    "long flip": (
        lambda x: x.flip(2),
        (1, 2, 20, 3),
        "Reshape Parameter BatchReindex Reshape",
    ),
    "roll": (lambda x: x.roll((1, 2), (2, 3)), (2, 3, 6, 6), "Slice Concat Slice Concat"),
    "reflect": (
        lambda x: F.pad(x, (1, 1, 2, 2), mode="reflect"),
        (2, 3, 6, 6),
        "Slice Concat Slice Concat",
    ),
    "replicate": (
        lambda x: F.pad(x, (1, 2, 1, 0), mode="replicate"),
        (2, 3, 6, 6),
        "Slice Concat Slice Concat",
    ),
    "circular": (
        lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"),
        (2, 3, 6, 6),
        "Slice Concat Slice Concat",
    ),
    "zeros": (lambda x: F.pad(x, (1, 2, 0, 1)), (2, 3, 6, 6), "Convolution"),
    "zeros of channels": (
        lambda x: F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)),
        (2, 4, 6, 6),
        "Convolution",
    ),
    "zeros of the batch": (
        lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 1, 1)),
        (2, 3, 6, 2),
        "Parameter Concat",
    ),
    "cut off": (lambda x: F.pad(x, (-1, 0, 0, -2)), (2, 3, 6, 6), "Slice Slice Silence"),
    "nearest": (lambda x: F.interpolate(x, scale_factor=(2, 3)), (2, 3, 4, 4), "Deconvolution"),
    "nearest of any size": (
        lambda x: F.interpolate(x, size=(9, 7)),
        (2, 3, 6, 6),
        "Slice Concat Slice Concat",
    ),
    "twice": (lambda x: torch.cat([x, x], 1), (2, 3, 4, 4), "Tile"),
    "with zeros": (
        lambda x: torch.cat([x, torch.zeros(2, 3, 4, 4)], 1),
        (2, 3, 4, 4),
        "Convolution",
    ),
    "masked": (
        lambda x: torch.where(torch.arange(6) > 2, x, 0.0),
        (2, 3, 6, 6),
        "Slice Parameter Concat Silence",
    ),
    "triangle": (
        lambda x: x.tril(),
        (2, 4, 4),
        "Reshape Parameter Concat Parameter BatchReindex Reshape",
    ),
    "written": (write_zero, (2, 4, 3, 3), "Convolution"),
    "shifted in time": (
        temporal_shift,
        (1, 3, 4, 2, 2),
        "Reshape Parameter Concat Parameter BatchReindex Reshape",
    ),
    "windows": (
        lambda x: x.view(1, 2, 3, 2, 3, 4).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, 4),
        (1, 6, 6, 4),
        "Reshape Slice Concat Reshape",
    ),
    "overlapping": (lambda x: x.unfold(2, 3, 1), (2, 6, 5), "Slice Concat Reshape"),
    "there and back": (
        lambda x: x.flatten(2).view(2, 3, 4, 4).relu(),
        (2, 3, 4, 4),
        "ReLU",
    ),
    "wider type": (lambda x: x.double().relu().float(), (2, 3), "ReLU"),
}


@pytest.mark.parametrize("name", ONE)
def test_a_movement_becomes_its_layers(name, tmp_path):
    move, shape, layers = ONE[name]
    report = to_caffe(Moves(move), torch.randn(shape), tmp_path / "net")
    assert [kind for _, kind in report.layers] == layers.split()
    assert report.difference == 0.0 or "ReLU" in layers


DIALECT = {
    "Permute": (lambda x: x.permute(0, 2, 3, 1), "Permute"),
    "ShuffleChannel": (lambda x: F.channel_shuffle(x, 2), "ShuffleChannel"),
    "Upsample": (lambda x: F.interpolate(x, scale_factor=2), "Upsample"),
    "Interp": (
        lambda x: F.interpolate(x, size=(7, 5), mode="bilinear", align_corners=True),
        "Interp",
    ),
    "Reorg": (
        lambda x: x.reshape(2, 2, 4, 2, 4, 2).permute(0, 3, 5, 1, 2, 4).reshape(2, 32, 2, 2),
        "Reorg",
    ),
}


@pytest.mark.parametrize("kind", DIALECT)
def test_a_dialect_with_a_layer_for_it_takes_that(kind, tmp_path):
    move, layer = DIALECT[kind]
    shape = (2, 8, 4, 4)
    dialect = Dialect("own", "a tool", BVLC.layers | {kind})
    if kind in ("ShuffleChannel", "Upsample"):  # others would be as short
        dialect = Dialect("own", "a tool", dialect.layers - {"Convolution"})
    given = torch.randn(shape)
    source = captured(Moves(move), (given,))
    report = lifted(source, "net", tmp_path / "net", dialect, 1e-4, False)
    assert [kind for _, kind in report.layers] == [layer]


STEPS = (
    lambda x, r: x.flip(r.randrange(x.dim())),
    lambda x, r: x.roll(r.randrange(1, 3), r.randrange(x.dim())),
    lambda x, r: x.transpose(*r.sample(range(x.dim()), 2)),
    lambda x, r: x.narrow(axis := r.randrange(x.dim()), 0, max(1, x.shape[axis] - 1)),
    lambda x, r: x[..., r.randrange(2) if x.shape[-1] > 1 else 0 :: r.randrange(1, 3)],
    lambda x, r: x.repeat_interleave(2, r.randrange(x.dim())),
    lambda x, r: F.pad(x, (r.randrange(2), r.randrange(2), r.randrange(2), 0)),
    lambda x, r: x.reshape(r.randrange(1, 2), *x.shape[:-2], -1),
    lambda x, r: torch.cat([x, x.flip(0)], r.randrange(x.dim())),
)


@pytest.mark.parametrize("seed", range(6))
def test_movements_in_a_row_are_right(seed, tmp_path):
    chosen = random.Random(seed)
    steps = [(chosen.choice(STEPS), chosen.random()) for _ in range(3)]

    def move(x):
        for step, number in steps:
            x = step(x, random.Random(number))
        return x

    shape = tuple(chosen.randrange(1, 5) for _ in range(4))
    assert to_caffe(Moves(move), torch.randn(shape), tmp_path / "net").difference == 0.0


def test_a_step_that_several_read_is_made_once(tmp_path):
    def move(x):
        halves = x.view(1, 2, 40, 6, 6).transpose(1, 2).reshape(1, 80, 6, 6).chunk(2, 1)
        return [half.sigmoid() for half in halves]

    report = to_caffe(Moves(move), torch.randn(1, 80, 6, 6), tmp_path / "net")
    kinds = [kind for _, kind in report.layers]
    assert kinds.count("Sigmoid") == 2
    assert len(kinds) <= 6


def zero_padded(pads, shape=(1, 2, 3, 4)):
    base = NewBlob(shape, "x")
    places = torch.arange(24).view(shape)
    return base, View(base, F.pad(places + 1, pads) - 1, None, (base,))


def test_zeros_at_the_last_two_axes_are_told():
    base, view = zero_padded((1, 2, 0, 3))
    assert padded(view) == (base, ((0, 3), (1, 2)))


def test_a_value_without_borders_has_none():
    base, view = zero_padded((0, 0, 0, 0))
    assert padded(view) is None
    assert padded(base) is None


def test_borders_of_other_axes_stay():
    _, view = zero_padded((1, 0, 0, 0, 1, 0))
    inner, pads = padded(view)
    assert pads == ((0, 0), (1, 0))
    assert inner.shape == (1, 3, 3, 4)
    assert bool((inner.index[:, 0] == -1).all())


def test_a_random_dropout_is_refused(tmp_path):
    from protonet.diagnostics import NetError

    with pytest.raises(NetError, match="it drops in evaluation too"):
        to_caffe(Moves(F.dropout), torch.randn(2, 3), tmp_path / "net")


def test_whole_numbers_are_not_a_movement(tmp_path):
    from protonet.diagnostics import NetError

    with pytest.raises(NetError):
        to_caffe(Moves(lambda x: x.int().float()), torch.randn(2, 3), tmp_path / "net")
