"""A LeNet that knows a little of the digits."""

from __future__ import annotations

import re

import pytest
from digit_folders import ZOO

import protonet


@pytest.fixture(scope="session")
def lenet(tmp_path_factory):
    """Weights of the zoo's LeNet after a short training on all ten digits."""
    folder = tmp_path_factory.mktemp("lenet")
    text = (ZOO / "lenet" / "solver.prototxt").read_text()
    for old, new in (
        ('"train_val', f'"{ZOO}/lenet/train_val'),
        ("max_iter: 1000", "max_iter: 30"),
        ('prefix: "lenet"', f'prefix: "{folder}/lenet"'),
    ):
        text = text.replace(old, new)
    text = re.sub(r"^(test_|display).*\n", "", text, flags=re.MULTILINE)
    protonet.train(text, log="none")
    return folder / "lenet_iter_30.caffemodel"
