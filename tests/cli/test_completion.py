"""Completion: bash runs its script here; zsh and fish are asked as their scripts ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from protonet.cli import _COMMANDS, group
from protonet.layers import REGISTRY
from protonet.zoo.catalogue import names

WORDS = {
    ("comp",): {"compile", "compare", "completion"},
    ("compile", "--ou"): {"--output", "--outputs"},
    ("show", "--for"): {"--format"},
    ("show", "--format", "m"): {"markdown"},
    ("data", "s"): {"show"},
    ("completion", ""): {"bash", "zsh", "fish"},
    ("layers", "softm"): {n for n in REGISTRY if n.lower().startswith("softm")},
    ("show", "resnet1"): {n for n in names() if n.startswith("resnet1")},
    ("zoo", "copy", "teaching/b"): {n for n in names() if n.startswith("teaching/b")},
    ("check", "deploy.prototxt", "tr"): {"train.prototxt"},
    ("draw", "mod"): {"models/a.prototxt", "models/b.prototxt"},
    ("run", "lenet", "--weights", "n"): {"net.caffemodel", "net.safetensors"},
    ("compile", "lenet", "--weights", "x.caffemodel,net.c"): {"x.caffemodel,net.caffemodel"},
    ("nothing", "re"): set(),
}

IN_BASH = (("comp",), ("compile", "--ou"), ("show", "resnet1"), ("draw", "mod"))


def files(folder):
    for name in ("deploy.prototxt", "train.prototxt", "models/a.prototxt", "models/b.prototxt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("")
    for name in ("net.caffemodel", "net.safetensors", "net.txt", "models/.hidden.prototxt"):
        (folder / name).write_text("")


def asked(shell, words, monkeypatch):
    """What the command gives a shell for words of which the last is not complete."""
    monkeypatch.setenv("_PROTONET_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["protonet", *words]))
    monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words)))
    done = CliRunner().invoke(group, [], prog_name="protonet")
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_zsh_and_fish_are_told(words, monkeypatch, tmp_path):
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = asked("zsh", words, monkeypatch).splitlines()
    triples = list(zip(lines[::3], lines[1::3], lines[2::3], strict=False))
    assert {value for kind, value, _ in triples if kind == "plain"} >= WORDS[words]
    lines = asked("fish", words, monkeypatch).splitlines()
    values = {line.partition(",")[2].partition("\t")[0] for line in lines if line[:5] == "plain"}
    assert values == {value for kind, value, _ in triples if kind == "plain"}


def test_commands_come_with_what_they_do(monkeypatch):
    lines = asked("zsh", ("c",), monkeypatch).splitlines()
    assert dict(zip(lines[1::3], lines[2::3], strict=True)) == {
        name: words for name, words in _COMMANDS.items() if name.startswith("c")
    }


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
def test_bash_completes(tmp_path):
    files(tmp_path)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "protonet"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m protonet "$@"\n')
    program.chmod(0o755)
    cases = {words: WORDS[words] for words in IN_BASH}
    lines = ['eval "$(protonet completion bash)"', "complete -p protonet"]
    for words in cases:
        quoted = " ".join(f"'{word}'" for word in ("protonet", *words))
        lines.append(f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; COMPREPLY=()")
        lines.append('_protonet_completion protonet; echo "${COMPREPLY[*]}"')
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    source = str(Path(__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join([source, environment.get("PYTHONPATH", "")])
    command = ["bash", "--norc", "-c", "\n".join(lines)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    registered, *answers = done.stdout.splitlines()
    assert registered == "complete -o nosort -F _protonet_completion protonet"
    assert [set(answer.split()) for answer in answers] == list(cases.values())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_are_such_as_the_shells_read(shell, tmp_path):
    text = CliRunner().invoke(group, ["completion", shell]).stdout
    assert f"_PROTONET_COMPLETE={shell}_complete" in text
    if shutil.which(shell):
        (tmp_path / "script").write_text(text)
        subprocess.run([shell, "-n", tmp_path / "script"], check=True)


def test_a_key_runs_and_reads_nothing(monkeypatch, tmp_path):
    """While a shell asks, no plugin is run, no stdin is read, no output is looked at."""
    monkeypatch.chdir(tmp_path)
    Path("plugin.py").write_text("raise SystemExit('run')")
    words = (
        "compile",
        "-",
        "--plugin",
        "plugin.py",
        "-o",
        "missing/x.py",
        "--allow-python",
        "--fl",
    )
    assert "--flat" in asked("zsh", words, monkeypatch)


def test_help_is_quick():
    """No command imports torch or the like before it is known to be meant."""
    calls = [[*command.split(), "--help"] for command in ("", *_COMMANDS)]
    code = (
        "import sys\nfrom protonet.cli import group\n"
        f"for call in {calls!r}:\n"
        "    group(call, standalone_mode=False)\n"
        "print({'torch', 'cv2', 'h5py', 'matplotlib', 'onnx'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage:") == len(calls)
    assert done.stdout.splitlines()[-1] == "set()"
