"""The commands on the gallery's pages: CIFAR's are run here, AlexNet's in tests/zoo."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from console import commands, run

from protonet.zoo.catalogue import ENTRIES, files


def shown(name):
    return tuple(re.findall(r"```(\w*)\n(.*?)```", files(name)["README.md"], re.DOTALL))


def cifar(path):
    """One image of CIFAR-10's binary version: its label, then its planes."""
    path.write_bytes(bytes([3]) + np.arange(3072).astype(np.uint8).tobytes())


def test_the_recipe_of_cifar_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("cifar-10-batches-bin").mkdir()
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        cifar(Path("cifar-10-batches-bin") / f"{name}.bin")
    ((language, block),) = shown("resnet20_cifar")
    assert language == "console"
    done = [run(command) for command, _, _ in commands(block)]
    assert [code for _, code in done] == [0, 0]
    assert "5 records" in done[0][0]
    assert "1 record" in done[1][0]


def test_no_page_of_the_gallery_has_other_commands():
    known = {shown("alexnet"), shown("resnet20_cifar"), ()}
    assert {shown(name) for name in ENTRIES} == known
