"""protonet train, test, time and plot as a user meets them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import one_process
import pytest
import torch
from click.testing import CliRunner

from protonet.cli import group
from protonet.diagnostics import NetError
from protonet.training.parallel import launch_command

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))
import solved

ZOO = Path(__file__).parents[2] / "zoo_prototxt"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(tmp_path, "max_iter: 4\ndisplay: 2\ntest_iter: 2\ntest_interval: 2\n")


def run(*arguments):
    """A command in this process: what it printed, or the error that it raised."""
    done = CliRunner().invoke(group, [str(a) for a in arguments], standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_caffes_own_spelling():
    run("train", "-solver", "solver.prototxt")
    assert Path("tiny_iter_4.caffemodel").exists()
    run("train", "-solver=solver.prototxt", "-weights=tiny_iter_4.caffemodel")
    run("train", "--solver=solver.prototxt", "-snapshot", "tiny_iter_4.solverstate")
    done = run(
        "test", "-model", "net.prototxt", "-weights", "tiny_iter_4.caffemodel", "-iterations", "4"
    )
    assert re.search(r"^Loss: [\d.]+\naccuracy = [\d.]+\nloss = [\d.]+ \(\* 1 = ", done.stdout)
    done = run("time", "-model", "net.prototxt", "-iterations", "2")
    assert re.search(r"^ip1 +InnerProduct +[\d.]+ +[\d.]+$", done.stdout, re.MULTILINE)


def test_a_pipe_gets_caffes_lines_and_a_plot_is_made_of_them():
    code = """
import sys
from protonet.cli import group
group(["train", "solver.prototxt"], standalone_mode=False)
sys.exit("torch._dynamo" in sys.modules)  # which takes as long as torch, and is not needed
"""
    command = [sys.executable, "-c", code]
    with Path("train.log").open("w") as log:
        done = subprocess.run(command, stderr=log, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert done.stdout == b""
    assert "Iteration 2, lr = " in Path("train.log").read_text()
    run("plot", "train.log", "-o", "loss.png")
    assert Path("loss.png").read_bytes().startswith(b"\x89PNG")


def rows(log, which):
    """The table that parse_log.py makes of a log's lines: iteration, seconds, rate, outputs."""
    iteration, rate, start, table = None, None, None, {}
    for line in log.splitlines():
        day, clock = line.split()[:2]
        now = datetime.strptime(f"2028{day[1:]} {clock}", "%Y%m%d %H:%M:%S.%f")  # noqa: DTZ007
        start = now if "Solving" in line and start is None else start
        found = re.search(r"Iteration (\d+)", line)
        iteration = int(found[1]) if found else iteration
        found = re.search(r"lr = ([-+]?[0-9]*\.?[0-9]+([eE]?[-+]?[0-9]+)?)", line)
        rate = float(found[1]) if found else rate
        found = re.search(which + r" net output #(\d+): (\S+) = ([\.\deE+-]+)", line)
        if found:
            seconds = (now - start).total_seconds()
            row = table.setdefault(iteration, {"seconds": seconds, "rate": rate})
            row[found[2]] = float(found[3])
    return table


def test_parse_log_finds_the_numbers_of_the_run():
    solved.write(Path(), "max_iter: 6\ndisplay: 2\ntest_iter: 2\ntest_interval: 3\n")
    log, told = (
        one_process.run("train", "solver.prototxt", "--log", kind) for kind in ("caffe", "json")
    )
    events = [json.loads(line) for line in told.stdout.splitlines()]
    train, test = rows(log.stderr, "Train"), rows(log.stderr, "Test")
    for table, kind in ((train, "train"), (test, "test")):
        wanted = {e["iteration"]: e["outputs"] for e in events if e["event"] == kind}
        wanted = {iteration: outputs for iteration, outputs in wanted.items() if outputs}
        found = {i: {k: row[k] for k in wanted[i]} for i, row in table.items()}
        assert list(found) == list(wanted)
        for iteration, outputs in wanted.items():
            assert found[iteration] == pytest.approx(outputs, rel=1e-5)
        seconds = [row["seconds"] for row in table.values()]
        assert seconds == sorted(seconds)
        assert 0 <= seconds[0] <= seconds[-1] < 60
    # As of Caffe's own logs: the rate of a row is the one said before it.
    rates = [0.05 * (1 + 0.1 * iteration) ** -0.75 for iteration in (0, 2)]
    none, *said = (row["rate"] for row in train.values())
    assert none is None
    assert said == pytest.approx(rates, rel=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "a", "-solver", "b"],
        ["test", "a"],
        ["time"],
        ["train", "a", "-gpu", "x"],
    ],
)
def test_wrong_commands(arguments):
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == 2, done.output


def test_no_gpu():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(NetError, match="there is no GPU 0 here"):
        run("train", "solver.prototxt", "-gpu", "0,1")
    with pytest.raises(NetError, match="no CUDA device"):
        run("train", "solver.prototxt", "--device", "cuda")


def test_several_gpus_are_several_processes():
    command = launch_command(2, ["train", "-solver", "x", "-gpu", "0,1", "--log", "json"])
    assert command[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert command[5:] == [
        "-m",
        "protonet",
        "train",
        "-solver",
        "x",
        "-gpu",
        "0,1",
        "--log-format",
        "json",
    ]


def test_a_stopped_run_has_its_own_exit_code(monkeypatch):
    from protonet.training.run import Run

    agree = Run.agree

    def interrupted(self, loss):
        os.kill(os.getpid(), 15)
        agree(self, loss)

    monkeypatch.setattr(Run, "agree", interrupted)
    done = CliRunner().invoke(group, ["train", "solver.prototxt", "--log", "none"])
    assert done.exit_code == 143
    assert Path("tiny_iter_1.solverstate").exists()


def test_time_compares_two_nets():
    other = Path("net.prototxt").read_text().replace('"ip2"', '"fc"')
    Path("other.prototxt").write_text(other)
    done = run(
        "time",
        "net.prototxt",
        "--compare",
        "other.prototxt",
        "--iterations",
        "1",
        "--phase",
        "TRAIN",
    )
    heads, *rows = done.stdout.splitlines()
    assert re.search(r"forward ms +backward ms +forward ms +backward ms", heads)
    cells = {row.split()[0]: row.split() for row in rows}
    assert len(cells["ip1"]) == 8  # both nets have it, and their ratio
    assert len(cells["ip2"]) == len(cells["fc"]) == 4
    assert len(cells["net"]) == 8


def test_time_without_data():
    done = run(
        "time",
        ZOO / "alexnet" / "train_val.prototxt",
        "--phase",
        "TRAIN",
        "--shape",
        "data=1x3x227x227",
        "--iterations",
        "1",
    )
    assert re.search(r"^conv1 +Convolution +[\d.]+ +[\d.]+$", done.stdout, re.MULTILINE)


def test_a_solver_that_is_wrong():
    Path("solver.prototxt").write_text(Path("solver.prototxt").read_text() + "momentun: 1\n")
    with pytest.raises(NetError, match="no field 'momentun'"):
        run("train", "solver.prototxt")
    with pytest.raises(NetError, match=r"nowhere.prototxt can't be read"):
        run("train", "nowhere.prototxt")
    with pytest.raises(NetError, match=r"none.caffemodel"):
        run("test", "net.prototxt", "--weights", "none.caffemodel")
