"""What commands say: one line where all went well, nothing before what can fail, -q and -v."""

from __future__ import annotations

import re
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

import protonet
from protonet.cli import _COMMANDS, group
from protonet.diagnostics import NetError

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
LENET = ZOO / "lenet" / "deploy.prototxt"


def run(*arguments, **options):
    return CliRunner().invoke(group, list(map(str, arguments)), **options)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lenet.caffemodel"
    protonet.save(protonet.compile(LENET), path)
    return path


def test_one_line_says_what_was_written(tmp_path, weights, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("compile", LENET, "-o", "lenet.py")
    assert (done.stdout, done.stderr) == ("", "wrote lenet.py (431 k parameters)\n")
    done = run("compile", LENET, "--weights", weights, "-o", "lenet.py")
    said = "wrote lenet.py (431 k parameters) and lenet.safetensors; 4 of 4 layers matched\n"
    assert (done.stdout, done.stderr) == ("", said)


def test_what_did_not_match_is_said_with_it(tmp_path, weights):
    net = tmp_path / "net.prototxt"
    net.write_text(LENET.read_text().replace('"ip2"', '"ip3"'))
    done = run("compile", net, "--weights", weights, "-o", tmp_path / "net.py")
    assert "; 3 of 4 layers matched\n" in done.stderr
    assert "passed over, only in the file: ip2\n" in done.stderr
    assert "warning: not in the file, keep their fillers: ip3\n" in done.stderr


@pytest.mark.parametrize("option", ["--table", "-v", "--verbose"])
def test_the_table_comes_where_it_is_asked_for(option):
    done = run("compile", LENET, option)
    assert done.stdout.startswith('"""LeNet')
    assert "multiply-adds" in done.stderr
    assert ("time: graph" in done.stderr) is (option != "--table")


def test_quiet_leaves_the_result_and_errors(tmp_path):
    done = run("-q", "compile", LENET)
    assert done.stdout.startswith('"""LeNet')
    assert done.stderr == ""
    done = run("compile", LENET, "-o", tmp_path / "net.py", "--quiet")
    assert done.stdout + done.stderr == ""
    assert run("check", LENET, "-q").stdout == ""
    (tmp_path / "bad.prototxt").write_text("nam: 'x'")
    done = run("check", "-q", tmp_path / "bad.prototxt")
    assert done.exit_code == 1
    assert "no field 'nam'" in done.stdout
    assert done.stderr == ""


def test_quiet_says_nothing_of_classes_either(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "photos" / name / "1.png"), np.zeros((8, 8, 3), np.uint8))
    done = run("data", "images", tmp_path / "photos", "-o", tmp_path / "first", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    done = run("data", "images", tmp_path / "photos", "-o", tmp_path / "second")
    assert done.stderr.startswith("2 classes, in ")


def test_quiet_and_verbose_exclude_each_other():
    for arguments in (["-q", "show", LENET, "-v"], ["show", "-v", "-q", LENET]):
        done = run(*arguments)
        assert done.exit_code == 2
        assert "exclude each other" in done.stderr
    assert run("-v", "show", LENET).exit_code == 0  # what one call was told, the next was not


def every_command(command, name):
    yield name, command
    if isinstance(command, click.Group):
        for inner in command.list_commands(None):
            yield from every_command(command.get_command(None, inner), f"{name} {inner}")


def test_every_command_takes_both():
    found = dict(every_command(group, "protonet"))
    assert len(found) > len(_COMMANDS) > 20
    for name, command in found.items():
        spellings = [word for option in command.params for word in option.opts]
        for word in ("-q", "--quiet", "-v", "--verbose"):
            assert spellings.count(word) == 1, name


INPUTS = {
    "compile": [LENET],
    "draw": [LENET],
    "view": [LENET],
    "upgrade": [LENET],
    "export": [LENET, "--weights", "nowhere.caffemodel"],
    "convert": ["nowhere.caffemodel"],
    "plot": ["nowhere.log"],
    "data mean": ["nowhere_lmdb"],
    "data mnist": ["nowhere", "nowhere"],
    "run": [LENET, "--weights", "nowhere.caffemodel", "--image", "nowhere.png"],
}


@pytest.mark.parametrize("command", INPUTS)
def test_the_place_of_an_output_is_looked_at_first(command, tmp_path):
    option = {"view": "--export", "run": "--out"}.get(command, "-o")
    suffix = {"view": "html", "run": "npy", "plot": "png", "convert": "h5", "draw": "svg"}
    output = tmp_path / "missing" / f"it.{suffix.get(command, 'onnx')}"
    done = run(*command.split(), *INPUTS[command], option, output)
    assert isinstance(done.exception, NetError)
    assert f"there is no folder '{output.parent}'" in done.exception.message
    assert done.exception.hint == f"mkdir -p {output.parent}"
    assert done.stdout + done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_every_output_is_looked_at():
    """No command writes to a path of a kind that is not looked at."""
    from protonet.cli.outputs import NewFile

    named = ("-o", "--output", "--out", "--export", "--sheet")
    found = 0
    for name, command in every_command(group, "protonet"):
        for option in command.params:
            if set(option.opts) & set(named):
                assert isinstance(option.type, NewFile), name
                found += 1
    assert found >= 12


def test_an_output_in_a_folder_or_on_a_device(tmp_path):
    done = run("compile", LENET, "-o", tmp_path)
    assert "it is a folder" in done.exception.message
    (tmp_path / "file").write_text("")
    done = run("compile", LENET, "-o", tmp_path / "file" / "net.py")
    assert "is no folder" in done.exception.message
    assert run("compile", LENET, "-o", "/dev/null").exit_code == 0
    assert run("compile", LENET, "-o", "-").stdout == run("compile", LENET).stdout


def test_weights_and_images_are_there_before_anything_else(tmp_path, weights, monkeypatch):
    from protonet import api
    from protonet.inference import images

    monkeypatch.setattr(api, "lowered", None)
    done = run("compile", LENET, "--weights", tmp_path / "lenet.caffemodl", "-o", tmp_path / "a.py")
    assert "no such file" in done.exception.message
    monkeypatch.setattr(images, "module_of", None)
    (tmp_path / "cat.png").write_bytes(b"no image")
    done = run("run", LENET, "--weights", weights, "--image", tmp_path / "cat.png")
    assert "no image that can be read" in done.exception.message
    done = run("run", LENET, "--weights", weights, "--image", tmp_path / "cat.png", "--blob", "ip")
    assert "did you mean 'ip1' or 'ip2'?" in done.exception.hint


def test_a_table_fits_on_a_screen():
    shown = run("show", "resnet50")
    assert len(shown.stdout.splitlines()) < 45
    assert "--depth 3" in shown.stderr
    whole = run("show", "resnet50", "--depth", 3)
    assert len(whole.stdout.splitlines()) == 229 + 4
    assert whole.stdout == run("show", "resnet50", "-v").stdout
    last = [text.stdout.splitlines()[-1].split() for text in (shown, whole)]
    assert last[0] == last[1]
    assert run("show", LENET).stdout == run("show", LENET, "--depth", 3).stdout


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "densenet121", "lenet"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_folded_table_adds_up(name, depth):
    def sums(level):
        found = run("show", name, "--depth", level, "--format", "csv").stdout.splitlines()[1:]
        cells = [re.findall(r'"[^"]*"|[^,]+', line) for line in found]
        return np.array([[int(cell) for cell in row[3:8]] for row in cells]).sum(0)

    np.testing.assert_array_equal(sums(depth), sums(3))


def test_the_command_alone_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run()
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("    ")]
    assert [line[1] for line in lines] == ["compile", "run", "show"]
    for name in ("my net.prototxt", "a.caffemodel", "dog.JPG", ".hidden.prototxt"):
        (tmp_path / name).write_text("")
    said = run().stdout
    assert "protonet compile 'my net.prototxt' -o 'my net.py'" in said
    assert "protonet run 'my net.prototxt' --weights a.caffemodel --image dog.JPG" in said
    assert run(*lines[2][1:]).exit_code == 0
