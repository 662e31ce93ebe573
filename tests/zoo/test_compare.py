"""protonet compare and protonet zoo: names, files, formats, and what the page says of both."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from pathlib import Path

import pytest
from one_process import run

from protonet import NetError
from protonet.zoo.catalogue import ENTRIES, deploy, entry, files, teaching
from protonet.zoo.compare import ORDERS, compare
from protonet.zoo.figures import figures

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "zoo_prototxt"


@pytest.fixture(autouse=True, scope="module")
def counted_once():
    """Several tests look at the same large nets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("protonet.zoo.compare.figures", functools.cache(figures))
        yield


def order(rows):
    return [row.name for row in rows]


def test_the_page_shows_what_the_command_prints():
    page = (ZOO / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ protonet (compare .*--format markdown)$", page, re.MULTILINE)
    assert run(*command.split()).stdout in page


def test_multiply_adds_of_the_families():
    shape = (1, 3, 224, 224)
    for wanted in (
        ["googlenet", "densenet121", "resnet50", "vgg16"],
        ["inception_v3", "densenet169", "resnet50", "vgg16"],
    ):
        assert order(compare(wanted[::-1], shape)) == wanted
    # The page says that this one is a tie, which DenseNet-121 wins.
    tie = compare(["inception_v3", "densenet121"], shape)
    assert order(tie) == ["densenet121", "inception_v3"]
    assert tie[1].figures.multiply_adds / tie[0].figures.multiply_adds < 1.002


@pytest.mark.parametrize("batch", [1, 2, 9, 10])
def test_memory_of_the_families(batch):
    wanted = ["inception_v3", "resnet50", "densenet169", "vgg16"]
    rows = compare(wanted, (batch, 3, 224, 224), order="training")
    assert (order(rows) == wanted) == (2 <= batch <= 9)


def test_activations_alone_put_vgg_second():
    wanted = ["inception_v3", "vgg16", "resnet50", "densenet121", "densenet169"]
    rows = compare(sorted(wanted), (1, 3, 224, 224), order="activations")
    assert order(rows) == wanted
    assert [round(row.figures.activations / 1e6) for row in rows] == [69, 73, 124, 194, 235]


def test_names_and_files_go_together(tmp_path):
    own = tmp_path / "net.prototxt"
    own.write_text((ZOO / "lenet" / "deploy.prototxt").read_text())
    named, filed = compare(["lenet", str(own)], order="given")
    assert named.figures == filed.figures
    assert named.figures.input == (1, 1, 28, 28)
    assert named.figures.file == 4 * 431080
    assert named.figures.training == 12 * 431080 + named.figures.activations


def test_a_training_net_is_counted_with_its_labels():
    found = figures(ZOO / "alexnet" / "train_val.prototxt", (4, 3, 227, 227))
    assert found.input == (4, 3, 227, 227)
    assert found.multiply_adds == 4 * figures(ZOO / "alexnet" / "deploy.prototxt").multiply_adds


@pytest.mark.parametrize("by", ORDERS)
def test_every_order(by):
    rows = compare(["vgg11", "lenet", "alexnet"], order=by)
    assert order(rows)[0] == ("vgg11" if by == "given" else "lenet")


def test_formats():
    names = ["lenet", "teaching/bottleneck"]
    shown = run("compare", *names, "--no-time").stdout.splitlines()
    assert shown[0].split()[:4] == ["net", "input", "parameters", "multiply-adds"]
    assert len(shown) == 4
    found = json.loads(run("compare", *names, "--no-time", "--format", "json").stdout)
    assert [row["net"] for row in found] == names
    assert found[1]["parameters"] == 278528
    rows = list(
        csv.DictReader(io.StringIO(run("compare", *names, "--no-time", "--format", "csv").stdout))
    )
    assert rows[0]["parameters"] == "431080"
    assert rows[0]["input"] == "1x1x28x28"


def test_time_is_measured_here():
    found = json.loads(run("compare", "lenet", "teaching/flatten", "--format", "json").stdout)
    assert all(0 < row["forward_ms"] < 60_000 for row in found)
    assert "forward" in run("compare", "lenet").stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["compare", "rsnet50"], 1, "did you mean 'resnet50'"),
        (["compare", "gone.prototxt"], 1, "gone.prototxt can't be read"),
        (["compare", "lenet", "--shape", "3"], 1, "layer 'conv1'"),
        (["compare", "lenet", "--shape", "a"], 2, "is no shape"),
        (["compare"], 2, "Missing argument"),
        (["zoo", "shw"], 2, "did you mean 'show'"),
        (["zoo", "show", "vgg61"], 1, "or 'vgg16'"),
        (["zoo", "copy", "nothing_like_it", "x"], 1, "`protonet zoo` lists the nets"),
    ],
)
def test_a_mistake_says_what_would_be_right(arguments, code, words, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_table_lists_every_net():
    lines = run("zoo").stdout.splitlines()
    assert [line.split()[0] for line in lines[2 : 2 + len(ENTRIES)]] == list(ENTRIES)
    assert "bottleneck_direct" in lines[-1]


def test_show_prints_the_readme():
    assert run("zoo", "show", "resnet50").stdout == (ZOO / "resnet50" / "README.md").read_text()
    assert 'name: "separable"' in run("zoo", "show", "teaching/separable").stdout


def test_copy_writes_a_folder_once(tmp_path):
    target = tmp_path / "nets" / "mine"
    assert run("zoo", "copy", "resnet18", target).returncode == 0
    copied = {p.name: p.read_text() for p in target.iterdir()}
    assert copied == files("resnet18")
    again = run("zoo", "copy", "vgg16", target)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert {p.name: p.read_text() for p in target.iterdir()} == copied
    assert [p.name for p in target.parent.iterdir()] == ["mine"]


def test_a_copy_finds_its_digits(tmp_path):
    run("zoo", "copy", "lenet", tmp_path / "mine")
    done = run(
        "check", tmp_path / "mine" / "train_val.prototxt", tmp_path / "mine" / "solver.prototxt"
    )
    assert done.returncode == 0
    found = re.findall(r'source: "(.*)"', (tmp_path / "mine" / "train_val.prototxt").read_text())
    assert [Path(source).is_dir() for source in found] == [True, True]


def test_copy_leaves_nothing_where_it_fails(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("zoo", "copy", "lenet", tmp_path / "file" / "lenet")
    assert done.returncode == 1
    assert "error" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_unknown_net_is_refused():
    with pytest.raises(NetError, match="no net 'resnet51'"):
        entry("resnet51")
    assert deploy("teaching/aspp").endswith("aspp.prototxt")
    assert len(teaching()) == 14
