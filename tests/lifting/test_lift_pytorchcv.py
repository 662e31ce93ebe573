"""pytorchcv's nets as Caffe's files: the smallest of every family, and docs/lift-nets.md of them.

pytorchcv needs no torchvision where its families are imported one by one; those that do need it,
or another package that is not there, are left out by name.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from protonet.diagnostics import NetError
from protonet.lifting.lift import to_caffe

models = pytest.importorskip("pytorchcv.models", reason="pip install --no-deps pytorchcv==0.0.74")

PAGE = Path(__file__).parents[2] / "docs" / "lift-nets.md"
LARGEST = 512  # an image's side, so that a street scene of 1024 x 2048 takes no minute
QUICK = ("nin_cifar",)
HEAD = """# Nets that were lifted

Made by `python -m pytest --slow --update-golden tests/lifting/test_lift_pytorchcv.py`: the net of
the fewest parameters of every family of pytorchcv 0.0.74 that can be imported without torchvision,
with random weights and statistics, written for Caffe 1.0. *Difference* is the largest of any value
in the net beside the module's, as a part of the largest number in its blob, on three inputs;
in double precision where the module itself is less certain than that in single.
"""


def families():
    return [info.name for info in pkgutil.iter_modules(models.__path__) if not info.ispkg]


def smallest(family):
    """The function of a family that makes the net of the fewest parameters, and its image's size.

    ImportError where a package is missing; None where the family has no net.
    """
    module = importlib.import_module(f"pytorchcv.models.{family}")
    found = []
    for name in getattr(module, "__all__", []):
        make = getattr(module, name)
        if isinstance(make, type) or not callable(make) or name.startswith("get_"):
            continue
        try:
            with torch.device("meta"):
                net = make()
            count = sum(p.numel() for p in net.parameters())
            found.append((count, name, make, tuple(getattr(net, "in_size", ()))))
        except TypeError:  # a part of nets, which takes arguments
            continue
    found = [each for each in found if each[0] and len(each[3]) == 2]
    return min(found, key=lambda each: each[:2]) if found else None


def made(make, size):
    """The net of a function for an image that is not too large, with weights and statistics."""
    factor = max(1, -(-max(size) // LARGEST))
    size = tuple(n // factor for n in size)
    if factor > 1:
        size = tuple(-(-n // 32) * 32 for n in size)  # as nets that halve it five times want
    torch.manual_seed(0)
    net = (make(in_size=size) if factor > 1 else make()).eval()
    hooks = [
        module.register_forward_pre_hook(measured)
        for module in net.modules()
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d) and module.affine
    ]
    with torch.no_grad():
        net(torch.randn(1, channels(net), *size))
    for hook in hooks:
        hook.remove()
    return net, size


def measured(norm, given):
    """Give a norm the statistics of what it is given, as training does, and random parameters.

    Without them the numbers of a deep net grow until its sigmoids show nothing but rounding.
    """
    (x,) = given
    variance, mean = torch.var_mean(x, [axis for axis in range(x.ndim) if axis != 1], correction=0)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance + 0.1)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias, 0, 0.1)


def channels(net):
    """How many channels a net's image has: what it says is another number in some."""
    first = next((each for each in net.modules() if isinstance(each, nn.Conv2d)), None)
    return 1 if first and first.in_channels == 1 else 3


def row(family, folder):
    """The line of a family: how its net was lifted, or why it was not."""
    try:
        found = smallest(family)
    except ImportError as error:
        return family, f"| {family} | | | | needs {error.name} |"
    if found is None:
        return family, f"| {family} | | | | no net of images |"
    _, name, make, size = found
    net, size = made(make, size)
    shown = "x".join(map(str, size))
    try:
        report = to_caffe(net, torch.randn(1, channels(net), *size), folder / "net")
    except NetError as error:
        first = error.all[0].message
        why = re.sub(r"^.*?\): ", "", re.sub(r" in [\w.]+", "", first)).replace("|", "/")
        return name, f"| {family} | {name} | {shown} | | {why} |"
    return name, (
        f"| {family} | {name} | {shown} | {len(report.layers)} | {report.difference:.1e} |"
    )


@pytest.mark.parametrize("family", QUICK)
def test_a_net_of_a_family_is_lifted(family, tmp_path):
    assert re.search(r"\| \d+ \| \d\.\de[-+]\d+ \|$", row(family, tmp_path)[1])


@pytest.mark.slow
def test_the_page_of_lifted_nets_is_up_to_date(request, tmp_path):
    lines = [row(family, tmp_path)[1] for family in families()]
    verdicts = [re.sub(r"\d\.\de[-+]\d+ \|$", "equal |", line) for line in lines]
    equal = sum(line.endswith("equal |") for line in verdicts)
    tried = sum(" needs " not in line and "no net of images" not in line for line in lines)
    told = f"{equal} of {tried} families are equal to 1e-4.\n"
    table = "| family | net | image | layers | difference |\n|---|---|---|---|---|\n"
    if request.config.getoption("--update-golden"):
        PAGE.write_text("\n".join((HEAD, told, table + "\n".join(lines) + "\n")), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    assert told in text
    assert all(
        re.sub(r"\d\.\de[-+]\d+ \|$", "equal |", line) in verdicts
        for line in text.splitlines()
        if line.startswith("| ") and not line.startswith("| family")
    )
    assert equal >= 0.85 * tried
