"""protonet check: folders, and the forms that editors and build servers read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from click.testing import CliRunner

from protonet.cli import check as command
from protonet.cli import group

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
BAD = (
    'name: "x"\nlayer { name: "a" type: "RelU"\n  bottom: "no, such: 100%"\n  top: "a" kind: 1 }\n'
)


def run(*arguments, **options):
    return CliRunner().invoke(group, ["check", *map(str, arguments)], **options)


@pytest.fixture(autouse=True)
def models(tmp_path, monkeypatch):
    """A folder with right and wrong files, and what is none of ours."""
    monkeypatch.chdir(tmp_path)
    lenet = (ZOO / "lenet" / "deploy.prototxt").read_text()
    texts = {
        "models/b/net.prototxt": lenet,
        "models/a bad.prototxt": BAD,
        "models/a/solver.prototxt": "net: 'b'\nbase_lrr: 1\nlr_policy: 'stepp'\nmax_iter: 2\n",
        "models/labels.prototxt": "item { name: 'cat' label: 1 }\n",
        "models/.git/net.prototxt": "broken {",
        "models/notes.txt": "broken {",
    }
    for name, text in texts.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def test_a_folder_has_a_summary():
    done = run("models")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "models: 1 of 3 files fine; 1 passed over, neither nets nor solvers"
    places = [line.partition(": error")[0] for line in lines if ": error:" in line]
    assert places == [
        "models/a bad.prototxt:2:19",
        "models/a bad.prototxt:3:3",
        "models/a bad.prototxt:4:12",
        "models/a/solver.prototxt:2:1",
        "models/a/solver.prototxt:3:1",
    ]
    assert done.stderr == "5 problems\n"
    told = run("models", "-v").stdout
    assert "models/b/net.prototxt: fine" in told
    assert "models/labels.prototxt: passed over" in told
    assert run("models/labels.prototxt").exit_code == 1  # where it is named, it is meant
    Path("models/a bad.prototxt").unlink()
    Path("models/a/solver.prototxt").unlink()
    done = run("models")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


def test_a_folder_without_definitions(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    error = run(empty).exception
    assert error.message == f"there is no .prototxt in the folder {empty}"


def test_the_zoo_is_right_and_fits_on_a_screen():
    done = run(ZOO / "teaching")
    assert done.exit_code == 0, done.stdout
    count = len(list((ZOO / "teaching").glob("*.prototxt")))
    assert done.stdout.startswith(f"{ZOO / 'teaching'}: {count} of {count} files fine")


def test_github_puts_each_beside_its_line():
    lines = run("models/a bad.prototxt", "--format", "github").stdout.splitlines()
    pattern = (
        r"::error file=([^,:]+),line=(\d+),col=(\d+),endLine=(\d+),endColumn=(\d+),title=\w+::(.*)"
    )
    found = [re.fullmatch(pattern, line).groups() for line in lines]
    assert [row[:3] for row in found] == [
        ("models/a bad.prototxt", "2", "19"),
        ("models/a bad.prototxt", "3", "3"),
        ("models/a bad.prototxt", "4", "12"),
    ]
    assert "100%25" in found[1][-1]
    assert unquote(found[0][-1]).endswith("(did you mean 'ReLU'?)")


# What SARIF 2.1.0 requires of its objects (its schema's "required"), and the values it allows.
REQUIRED = {
    "": {"version", "runs"},
    "run": {"tool"},
    "tool": {"driver"},
    "driver": {"name"},
    "rules": {"id"},
    "results": {"message"},
}


def required(value, name=""):
    """Every object has what its schema requires, each under the key that it stands at."""
    if isinstance(value, list):
        for item in value:
            required(item, name)
    elif isinstance(value, dict):
        kind = "run" if name == "runs" else name
        assert REQUIRED.get(kind, set()) <= set(value), kind
        if name in ("message", "shortDescription"):
            assert isinstance(value["text"], str)
            assert value["text"]
        for key, inner in value.items():
            required(inner, key)


def test_sarif_is_as_its_standard_says():
    found = json.loads(
        run("models", Path("models/a bad.prototxt").resolve(), "--format", "sarif").stdout
    )
    required(found)
    assert found["version"] == "2.1.0"
    (one,) = found["runs"]
    assert one["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    rules = one["tool"]["driver"]["rules"]
    assert len(one["results"]) == 8
    for result in one["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        (place,) = result["locations"]
        address = urlparse(place["physicalLocation"]["artifactLocation"]["uri"])
        assert address.scheme in ("", "file")
        path = Path(unquote(address.path))
        region = place["physicalLocation"]["region"]
        line = path.read_text().splitlines()[region["startLine"] - 1]
        assert region["startLine"] <= region["endLine"]
        assert 1 <= region["startColumn"] < region["endColumn"] <= len(line) + 1


def test_sarif_without_a_problem_or_a_place():
    whole = json.loads(run("models/b", "--format", "sarif").stdout)
    assert whole["runs"][0]["results"] == []
    (result,) = json.loads(run("nowhere.prototxt", "--format", "sarif").stdout)["runs"][0][
        "results"
    ]
    assert "region" not in result["locations"][0]["physicalLocation"]
    assert run("models/b", "--format", "github").stdout == ""


def test_json_is_what_it_was():
    rows = json.loads(run("models/a bad.prototxt", "--format", "json").stdout)
    assert set(rows[0]) == {"file", "message", "hint", "line", "column", "end_line", "end_column"}
    assert json.loads(run("models/b", "--format", "json").stdout) == []


def test_what_a_solver_lacks_may_be_what_is_misspelt(tmp_path):
    solver = tmp_path / "solver.prototxt"
    solver.write_text("nett: 'x'\nbase_lr: 1\nlr_policy: 'stepp'\nmax_iter: -3\n")
    places = re.findall(r":(\d+):\d+: error", run(solver).stdout)
    assert places == ["1", "3", "4"]


def test_what_was_found_before_an_interrupt_is_told(monkeypatch):
    checked = command._checked

    def once(file, *more):
        if "net.prototxt" in file:
            raise KeyboardInterrupt
        return checked(file, *more)

    monkeypatch.setattr(command, "_checked", once)
    done = run("models")
    assert done.exit_code == 130
    assert "interrupted after 2 of 4 files" in done.stderr
    assert "models/a bad.prototxt:2:19: error:" in done.stdout
