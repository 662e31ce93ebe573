"""Every pattern's own examples: the layers that they become, and files that prove equal."""

import importlib
import pkgutil
import random

import pytest
import torch

from protonet.lifting import patterns
from protonet.lifting.lift import to_caffe

FILES = [found.name for found in pkgutil.iter_modules(patterns.__path__)]


def examples():
    for name in FILES:
        file = importlib.import_module(f"{patterns.__name__}.{name}")
        for number, example in enumerate(getattr(file, "examples", ())):
            yield pytest.param(example, id=f"{name}-{number}", marks=_marks(name, number))


def _marks(name, number):
    """A file's first example always runs, of the others a part that is drawn by chance."""
    drawn = random.Random(f"{name} {number}").random() < 0.25
    return () if number < 1 or drawn else (pytest.mark.slow,)


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_patterns_has_an_example(name):
    assert importlib.import_module(f"{patterns.__name__}.{name}").examples


@pytest.mark.parametrize("example", list(examples()))
def test_an_example_becomes_its_layers(example, tmp_path):
    torch.manual_seed(0)
    most = example.below
    given = tuple(
        torch.randn(shape) if most is None else torch.randint(most, shape)
        for shape in example.shapes
    )
    report = to_caffe(example.make(), given, tmp_path / "net")
    assert tuple(kind for _, kind in report.layers) == example.layers
    assert report.difference <= 1e-4
