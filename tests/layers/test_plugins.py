"""Layers from outside: a file by name, an installed entry point, and the file to start from."""

from __future__ import annotations

import subprocess
import sys

import one_process
import pytest
from traces import forgetting

NET = (
    'input: "x" input_shape { dim: 2 dim: 3 }\n'
    'layer { name: "g" type: "MyGain" bottom: "x" top: "y" my_gain_param { factor: 3 } }\n'
)


def started(*arguments, cwd):
    command = [sys.executable, "-m", "protonet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert "Traceback" not in done.stderr
    return done


def run(*arguments, cwd):
    """A command in this process, which then knows no layer more."""
    with forgetting(cwd):
        return one_process.run(*arguments, cwd=cwd)


def python(code, cwd):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture
def folder(tmp_path):
    assert run("layers", "--new", "MyGain", cwd=tmp_path).returncode == 0
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path


def test_the_skeleton_is_a_layer_that_runs(folder):
    done = started("compile", "net.prototxt", "--plugin", "my_gain.py", "--run", cwd=folder)
    assert (done.returncode, "2x3" in done.stdout) == (0, True), done.stderr
    assert (
        "return x * 3.0"
        in started("compile", "net.prototxt", "--plugin", "my_gain.py", cwd=folder).stdout
    )
    shown = started("layers", "MyGain", "--plugin", "my_gain.py", cwd=folder).stdout
    assert "factor: 1\n" in shown
    for command in ("check", "fmt", "show"):
        assert (
            started(command, "net.prototxt", "--plugin", "my_gain.py", cwd=folder).returncode == 0
        )


def test_its_errors_have_their_place(folder):
    (folder / "net.prototxt").write_text(NET.replace("factor: 3", "factor: 0"))
    done = run("check", "net.prototxt", "--plugin", "my_gain.py", cwd=folder)
    assert "net.prototxt:2:71: error: layer 'g' (MyGain): factor must not be 0" in done.stdout


def test_the_skeleton_overwrites_nothing(folder):
    before = (folder / "my_gain.py").read_text()
    done = run("layers", "--new", "MyGain", cwd=folder)
    assert done.returncode == 1
    assert (folder / "my_gain.py").read_text() == before
    assert run("layers", "--new", "ReLU", cwd=folder).returncode == 1
    assert run("layers", "--new", "../x", cwd=folder).returncode == 1


def test_a_library_call_takes_a_file(folder):
    code = (
        "import protonet, torch\n"
        "net = protonet.compile('net.prototxt', plugins=['my_gain.py'])\n"
        "assert torch.equal(net(torch.ones(2, 3)), torch.full((2, 3), 3.0))\n"
        "protonet.emit('net.prototxt', plugins=['my_gain.py'])\n"
    )
    done = python(code, folder)
    assert done.returncode == 0, done.stderr


def test_an_installed_entry_point(folder):
    info = folder / "my_layers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-layers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[protonet.layers]\nmine = my_gain\n")
    done = started("check", "net.prototxt", cwd=folder)
    assert (done.returncode, done.stdout) == (0, "net.prototxt: fine\n"), done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import not_there\n", "line 1 fails: ModuleNotFoundError"),
        ("x = 1\n\ny = (\n", "can't be read, line 3"),
        ("x = 1\n", "registers no layer"),
        ("\n\n1 / 0\n", "line 3 fails: ZeroDivisionError"),
    ],
)
def test_a_plugin_that_fails(text, words, folder):
    (folder / "bad.py").write_text(text)
    done = run("check", "net.prototxt", "--plugin", "bad.py", cwd=folder)
    assert done.returncode == 1
    assert words in done.stderr


def test_a_plugin_with_helper_and_blobs(tmp_path):
    (tmp_path / "gain.py").write_text('''
from protonet.layers.base import Layer, register
from protonet.layers.blob import Blob
from protonet.program import nn, torch

@register("Gain")
class GainLayer(Layer):
    """Learned gain."""
    param = "gain_param"
    fields = {"start": 2.0, "sizes": [0], "name": "a", "on": True}
    def infer(self, *bottoms): return bottoms
    def blobs(self, bottoms): return (Blob("weight", (1,)),)
    def lower(self, b, *bottoms): return b.module(Gain, self.p.start)(*bottoms)

class Gain(nn.Module):
    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((1,), start))
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight
''')
    code = (
        "import protonet, torch, copy\n"
        'text = \'input: "x" input_shape { dim: 2 } layer { name: "g" type: "Gain" \'\n'
        'text += \'bottom: "x" top: "y" gain_param { sizes: 1 sizes: 2 } }\'\n'
        "net = copy.deepcopy(protonet.compile(text, plugins=['gain.py']))\n"
        "assert torch.equal(net(torch.ones(2)), torch.full((2,), 2.0))\n"
        "assert protonet.dump_blobs(net)['g'][0].tolist() == [2.0]\n"
    )
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
