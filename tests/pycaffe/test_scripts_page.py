"""What docs/pycaffe.md shows and names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import protonet.pycaffe as caffe

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pycaffe.md").read_text(encoding="utf-8")


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_example_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = {}
    exec(compile(example, "docs/pycaffe.md", "exec"), found)
    assert found["best"].shape == (10,)


def test_the_members_of_a_net_are_there():
    net = caffe.Net(str(ROOT / "zoo_prototxt" / "lenet" / "deploy.prototxt"), caffe.TEST)
    names = re.findall(r"`(\w+)[`(]", section("Nets").partition("| blobs and layers")[2])
    assert len(names) > 25
    for name in names:
        assert hasattr(net, name) or name in ("Split", "data_data_0_split_1"), name


@pytest.mark.parametrize("name", re.findall(r"`(\w*(?:Solver|get_solver))[`(]", section("Solvers")))
def test_the_solvers_are_there(name):
    solver = getattr(caffe, name)
    members = re.findall(
        r"`(\w+)`", section("Solvers").partition("with ")[2].partition(". They")[0]
    )
    assert len(members) == 12
    for member in members:
        assert name == "get_solver" or member in ("net", "test_nets") or hasattr(solver, member)
