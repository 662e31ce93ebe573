"""Convolutions and poolings of random windows: the files give what the modules do."""

import random

import pytest
import torch
from torch import nn

import protonet
from protonet.lifting.lift import to_caffe


class Several(nn.Module):
    """Modules side by side, each on an input of its own."""

    def __init__(self, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, *given):
        return tuple(part(x) for part, x in zip(self.parts, given, strict=True))


def check(parts, given, tmp_path):
    """The written files beside the modules, on numbers that the proof has not seen."""
    module = Several(parts).eval()
    report = to_caffe(module, given, tmp_path / "net")
    assert report.difference <= 1e-4
    net = protonet.compile(report.prototxt, weights=report.caffemodel, outputs=list(report.outputs))
    given = [torch.randn(x.shape) for x in given]
    with torch.no_grad():
        found, right = net.eval()(*given), module(*given)
    found = list(found.values()) if isinstance(found, dict) else [found]
    for part, a, b in zip(parts, found, right, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=lambda m, p=part: f"{p}: {m}")


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


@pytest.mark.parametrize("make", [convolution, deconvolution, pooling, adaptive])
def test_random_windows(make, tmp_path):
    pick = random.Random(make.__name__)
    torch.manual_seed(0)
    parts, given = zip(*(make(pick) for _ in range(25)), strict=True)
    check(parts, given, tmp_path)
