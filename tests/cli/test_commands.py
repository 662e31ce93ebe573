"""The commands as a user meets them: output, errors, exit codes, nothing half written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from one_process import run

ZOO = Path(__file__).parents[2] / "zoo_prototxt"
LENET = ZOO / "lenet" / "deploy.prototxt"
TYPO = 'layer { name: "a" type: "RelU" bottom: "x" top: "a" }\n'


def started(*arguments):
    """The command in a process of its own: one test of each kind of end."""
    command = [sys.executable, "-m", "protonet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    return done


def test_compile_writes_a_file_and_its_table(tmp_path):
    done = started("compile", LENET, "-o", tmp_path / "lenet.py", "--table")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "431,080" in done.stderr
    assert (tmp_path / "lenet.py").read_text().startswith('"""LeNet, compiled from')
    assert list(tmp_path.iterdir()) == [tmp_path / "lenet.py"]


def test_compile_prints_without_an_output():
    done = run("compile", LENET)
    assert "class LeNet(nn.Module):" in done.stdout


def test_run_times_a_forward_pass():
    done = started("compile", LENET, "--run", "--batch", 3, "--device", "cpu")
    assert done.returncode == 0
    assert "3x10" in done.stdout
    assert " ms " in done.stdout


@pytest.mark.parametrize("phase", ["TRAIN", "test"])
def test_a_training_net_runs(phase):
    net = ZOO / "alexnet" / "train_val.prototxt"
    done = run("compile", net, "--phase", phase, "--run", "--batch", 2)
    assert done.returncode == 0, done.stderr
    assert "loss" in done.stdout


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("text", "convolution_param {"),
        ("net", "phase: TEST"),
        ("graph", "multiply-adds"),
        ("torch", "nn.Conv2d"),
    ],
)
def test_stages(stage, words):
    done = run("compile", LENET, "--stage-dump", stage)
    assert done.returncode == 0
    assert words in done.stdout


def test_shapes_and_outputs():
    done = run("compile", LENET, "--shape", "data=2x1x32x32", "--outputs", "ip1,prob")
    assert done.returncode == 0
    assert 'return {"ip1": ip1, "prob": prob}' in done.stdout


def test_check_reports_every_problem(tmp_path):
    bad = tmp_path / "bad.prototxt"
    bad.write_text('input: "x" input_shape { dim: 1 dim: 3 }\n' + TYPO + TYPO.replace('"a"', '"b"'))
    done = started("check", bad, LENET)
    assert done.returncode == 1
    assert f"{bad}:2:19: error:" in done.stdout
    assert f"{bad}:3:19: error:" in done.stdout
    assert "did you mean 'ReLU'?" in done.stdout
    assert f"{LENET}: fine" in done.stdout


def test_check_for_editors(tmp_path):
    (tmp_path / "bad.prototxt").write_text(TYPO)
    rows = json.loads(run("check", "bad.prototxt", "--format", "json", cwd=tmp_path).stdout)
    assert rows[0]["line"] == 1
    assert rows[0]["column"] == 19
    assert rows[0]["end_column"] == 31
    assert json.loads(run("check", LENET, "--format", "json").stdout) == []


def test_check_and_fmt_take_solvers(tmp_path):
    solver = tmp_path / "solver.prototxt"
    solver.write_text("net:'a' base_lr: 0.01 # quick\nlr_policy:'fixed'\n")
    assert run("check", solver).returncode == 0
    done = run("compile", solver)
    assert done.returncode == 1
    assert "is a solver, not a net" in done.stderr
    done = run("fmt", solver)
    assert done.stdout == "net: 'a'\nbase_lr: 0.01  # quick\nlr_policy: 'fixed'\n"
    solver.write_text("net: 'a'\nbase_lr: 1\nlr_policy: 'steps'\n")
    done = run("check", solver)
    assert f"{solver}:3:1: error: the lr_policy 'steps' is unknown" in done.stdout
    solver.write_text("base_lrr: 0.01\nmax_iter: 10\n")
    done = run("check", solver)
    assert done.returncode == 1
    assert "did you mean 'base_lr'?" in done.stdout


def test_fmt_checks_and_writes(tmp_path):
    net = tmp_path / "net.prototxt"
    net.write_text('name:"x"\n')
    net.chmod(0o640)
    assert run("fmt", net, "--check").returncode == 1
    assert net.read_text() == 'name:"x"\n'
    assert run("fmt", net, "--write").returncode == 0
    assert net.read_text() == 'name: "x"\n'
    assert net.stat().st_mode & 0o777 == 0o640
    assert run("fmt", net, "--check").returncode == 0


def test_help_teaches():
    assert "\n  protonet check net.prototxt" in run("--help").stdout
    assert "\n  protonet compile alexnet.prototxt -o alexnet.py" in run("compile", "-h").stdout


def test_layers_lists_and_explains():
    listed = run("layers").stdout
    assert "SoftmaxWithLoss" in listed
    done = run("layers", "Pooling")
    assert "kernel_size" in done.stdout
    assert "nn.MaxPool2d" in done.stdout
    shown = run("layers", "BatchNorm").stdout
    assert "  moving_average_fraction: 0.999\n  eps: 1e-05\n" in shown  # as caffe.proto states them
    wrong = run("layers", "pooling")
    assert wrong.returncode == 1
    assert "did you mean 'Pooling'?" in wrong.stderr


@pytest.mark.parametrize("command", ["compile", "check", "fmt", "show"])
def test_a_file_that_is_not_there(command):
    done = run(command, "nowhere.prototxt")
    assert done.returncode == 1
    assert "nowhere.prototxt" in done.stdout + done.stderr
    assert "no such file" in done.stdout + done.stderr


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x0a\x07binary", b"layer {" * 200, b"\xff\xfe"])
@pytest.mark.parametrize("command", ["compile", "check", "fmt", "show"])
def test_files_that_hold_no_net(command, content, tmp_path):
    bad = tmp_path / "bad.prototxt"
    bad.write_bytes(content)
    done = run(command, bad)
    assert done.returncode == 1
    assert "error: " in done.stdout + done.stderr


def test_a_directory_in_place_of_a_file(tmp_path):
    for command in ("compile", "check", "fmt", "show"):
        done = run(command, tmp_path)
        assert done.returncode == 1
        assert "directory" in (done.stdout + done.stderr).lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compil", LENET],
        ["compile"],
        ["compile", LENET, "--shape", "data=axb"],
        ["compile", LENET, "--phase", "DEPLOY"],
        ["compile", LENET, "--batch", "0"],
        ["fmt", LENET, "--check", "--write"],
    ],
)
def test_a_wrong_command_is_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "Error" in done.stderr


def test_the_output_is_whole_or_not_there(tmp_path):
    done = run("compile", LENET, "-o", tmp_path / "missing" / "net.py")
    assert done.returncode == 1
    same = tmp_path / "net.prototxt"
    same.write_text(LENET.read_text())
    done = run("compile", same, "-o", same)
    assert done.returncode == 1
    assert same.read_text() == LENET.read_text()
    assert list(tmp_path.iterdir()) == [same]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_one_error():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "protonet", "show", str(LENET)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left" in done.stderr


def test_a_reader_that_leaves_early():
    command = f'"{sys.executable}" -m protonet compile "{LENET}" 2>/dev/null | head -1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith('"""LeNet')
    assert "Traceback" not in done.stderr


def test_interrupted(tmp_path):
    pipe = tmp_path / "net.prototxt"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "protonet", "check", str(pipe)]
    # Whoever starts the tests in the background has them ignore Ctrl-C, and so would the command.
    heeding = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **heeding) as running:
        with pipe.open("w"):  # opens when the command reads
            time.sleep(0.1)
            running.send_signal(signal.SIGINT)
            time.sleep(0.1)
        try:
            _, stderr = running.communicate(timeout=30)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr


def test_check_says_which_phase_a_file_has_no_net_for(tmp_path):
    net = tmp_path / "train.prototxt"
    net.write_text(
        'layer { name: "d" type: "Data" top: "x" include { phase: TRAIN } '
        'data_param { source: "here" batch_size: 2 } }\n'
        'layer { name: "f" type: "Flatten" bottom: "x" top: "y" }\n'
    )
    done = run("check", str(net))
    assert done.returncode == 0
    assert "fine (no net for TEST: its data layers are of another phase or stage)" in done.stdout


def test_check_of_one_phase(tmp_path):
    """A layer of TEST alone leaves nothing to train: a note, and a problem where that is asked."""
    net = tmp_path / "deploy.prototxt"
    net.write_text(
        'input: "x" input_shape { dim: 1 dim: 3 }\n'
        'layer { name: "a" type: "ReLU" bottom: "x" top: "a" include { phase: TEST } }\n'
        'layer { name: "p" type: "Softmax" bottom: "a" top: "p" }\n'
    )
    done = run("check", net)
    assert done.returncode == 0
    assert "no net for TRAIN: layer 'p' (Softmax): the bottom 'a' is not the top" in done.stdout
    done = run("check", net, "--phase", "TRAIN")
    assert done.returncode == 1
    assert f"{net}:3:35: error:" in done.stdout
    assert run("check", net, "--phase", "TEST").stdout == f"{net}: fine\n"
