"""The zoo ships in the wheel, and is found there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from protonet.zoo.catalogue import ENTRIES

ROOT = Path(__file__).parents[2]
MOST_MEGABYTES = 3


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, unpacked: a protonet without the repository around it."""
    pytest.importorskip("hatchling", reason="pip install hatchling")
    where = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(where)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = where.glob("*.whl")
    megabytes = wheel.stat().st_size / 1e6
    assert megabytes < MOST_MEGABYTES, f"the wheel has {megabytes:.2f} MB: what has come into it?"
    zipfile.ZipFile(wheel).extractall(where / "site")
    return where / "site"


def run(installed, *arguments):
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import protonet\n"
        f"assert protonet.__file__.startswith({str(installed)!r}), protonet.__file__\n"
        f"sys.argv = ['protonet', *{list(map(str, arguments))!r}]\n"
        "from protonet.cli import main; main()"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=installed, capture_output=True, text=True, check=False)


def test_every_net_is_in_it(installed):
    nets = installed / "protonet" / "zoo" / "nets"
    kept = {p.parent.name for p in nets.glob("*/solver.prototxt")}
    assert kept == set(ENTRIES)
    assert not list(nets.rglob("*.pyc"))


def test_the_sets_of_names_are_in_it(installed):
    labels = installed / "protonet" / "inference" / "labels"
    lines = {path.stem: len(path.read_text().splitlines()) for path in labels.glob("*.txt")}
    assert lines == {"imagenet": 1000, "voc": 21, "coco": 81}


def test_it_lists_copies_and_compares(installed, tmp_path):
    assert "deeplabv3_os16" in run(installed, "zoo").stdout
    done = run(installed, "zoo", "copy", "resnet1202_cifar", tmp_path / "net")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "net" / "deploy.prototxt").stat().st_size > 500_000
    assert "278,528" in run(installed, "compare", "teaching/bottleneck", "--no-time").stdout
