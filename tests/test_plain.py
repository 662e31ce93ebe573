"""Names out of files on their way to a terminal, a log, a table, CSV and TensorBoard."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest
from click.testing import CliRunner
from one_process import ended

import protonet
from protonet.cli import group
from protonet.diagnostics import NetError, Source, Span
from protonet.plain import plain
from protonet.training.evaluate import Score
from protonet.training.log import BoardLog, CaffeLog, JsonLog
from protonet.training.progress import ProgressLog

EVIL = "a\x1b[31m\r\nI0101 solver.py:1] Iteration 7, loss = 0\x9b2J\u202e[/b][bold]\ud800"
SHOWN = r"a\x1b[31m\r\nI0101 solver.py:1] Iteration 7, loss = 0\x9b2J\u202e[/b][bold]\ud800"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
NAME = r"a\033[31m\r\n=1+1[/b]"  # as a prototxt writes it
NET = f"""
name: "{NAME}"
layer {{ name: "{NAME}" type: "DummyData" top: "{NAME}"
         dummy_data_param {{ shape {{ dim: 2 dim: 3 }} data_filler {{ value: 1 }} }} }}
layer {{ name: "ip{NAME}" type: "InnerProduct" bottom: "{NAME}" top: "y"
         inner_product_param {{ num_output: 2 weight_filler {{ type: "xavier" }} }} }}
layer {{ name: "loss{NAME}" type: "EuclideanLoss" bottom: "y" bottom: "y" top: "l{NAME}" }}
"""
SOLVER = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 2 display: 1 snapshot: 2\n'


def test_what_shows_and_what_does_not():
    assert plain(EVIL) == SHOWN
    assert plain("größe 図 ok") == "größe 図 ok"
    assert plain("abcdef", 4) == "abc…"
    assert plain("abcd", 4) == "abcd"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text(NET)
    Path("solver.prototxt").write_text(SOLVER + "test_iter: 1 test_interval: 1 debug_info: true\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "command",
    [
        ["show", "net.prototxt"],
        ["show", "net.prototxt", "--format", "csv"],
        ["show", "net.prototxt", "--format", "markdown"],
        ["diff", "net.prototxt", "other.prototxt"],
        ["compare", "net.prototxt", "net.prototxt", "--no-time"],
        ["time", "net.prototxt", "--iterations", "1"],
        ["check", "net.prototxt", "odd\x1b[31m.prototxt"],
        ["draw", "net.prototxt"],
        ["weights", "w.caffemodel"],
        ["test", "net.prototxt", "--weights", "w.caffemodel", "--iterations", "1", "--batches"],
        ["data", "show", "db"],
    ],
    ids=" ".join,
)
def test_commands_print_nothing_that_does_not_show(command):
    net = protonet.compile("net.prototxt", phase="TRAIN")
    protonet.save(net, "w.caffemodel")
    Path("other.prototxt").write_text(NET.replace("num_output: 2", "num_output: 3"))
    with lmdb.open("db") as environment, environment.begin(write=True) as transaction:
        transaction.put(EVIL.encode("utf-8", "surrogatepass"), b"\x08\x01\x10\x01\x18\x01\x22\x01a")
    done = CliRunner().invoke(group, command)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert not CONTROL.search(done.output.replace("\n", ""))
    assert not re.search(r"^=1", done.output, re.MULTILINE)


@pytest.mark.usefixtures("folder")
def test_csv_is_quoted_and_reads_back():
    done = CliRunner().invoke(group, ["show", "net.prototxt", "--format", "csv"])
    heads, *rows = csv.reader(io.StringIO(done.output, newline=""))
    assert heads[0] == "layer"
    assert rows[0][0] == r"a\x1b[31m\r\n=1+1[/b]"
    assert {len(row) for row in rows} == {len(heads)}
    Path("formula.prototxt").write_text(NET.replace(NAME, "=1+1"))
    done = CliRunner().invoke(group, ["show", "formula.prototxt", "--format", "csv"])
    assert '\n"\'=1+1",' in done.output


def test_every_log():
    stream = io.StringIO()
    lines = CaffeLog(stream)
    lines.said(f"Layers: {EVIL}")
    lines.started(EVIL, "fixed", 0, 2)
    lines.trained(1, 0.5, [Score(EVIL, 1.0, 1.0)], None)
    lines.tested(1, 0, [Score(EVIL, 1.0, 0.0)], 0.5)
    assert not CONTROL.search(stream.getvalue())
    assert len(re.findall(r"^I\d{4} ", stream.getvalue(), re.MULTILINE)) == 7
    stream = io.StringIO()
    JsonLog(stream).started(EVIL, "fixed", 0, 2)
    assert not CONTROL.search(stream.getvalue())
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=False, width=300)
    log = ProgressLog(console=console)
    log.started(EVIL, "fixed", 0, 1)
    log.said(EVIL)
    log.tested(0, 0, [Score(EVIL, 1.0, 0.0)], None)
    log.stepped(1, 0.5, 0.1, 1)
    log.close()
    assert not CONTROL.search(console.file.getvalue())
    assert "[/b][bold]" in console.file.getvalue()


def test_tensorboard_has_names_that_show(tmp_path):
    pytest.importorskip("tensorboard")
    log = BoardLog(str(tmp_path))
    log.trained(1, 0.5, [Score(EVIL, 1.0, 1.0)], None)
    log.close()
    (file,) = tmp_path.iterdir()
    assert b"\x1b[31m" not in file.read_bytes()


def test_errors_show_names_of_files():
    source = Source("odd\x1b[31m\n.prototxt", "name: 7")
    text = str(NetError("the file x\x1b]0;\x07\n is gone", Span(source, 0, 4), "look\rhere"))
    assert text.split("\n", maxsplit=1)[0] == (
        r"odd\x1b[31m\n.prototxt:1:1: error: the file x\x1b]0;\x07\n is gone"
    )
    assert text.endswith(r"  hint: look\rhere")


def on_a_terminal(*arguments, starts=False):
    """What a command writes to a terminal, from this process or as one that starts."""
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as reader:
        written = reader.submit(all_of, ours)
        if starts:
            command = [sys.executable, "-m", "protonet", *arguments]
            code = subprocess.run(
                command, stdin=theirs, stdout=theirs, stderr=theirs, check=False
            ).returncode
            os.close(theirs)
        else:
            with open(theirs, "w", encoding="utf-8") as terminal:
                code = ended(arguments, terminal, terminal)
    os.close(ours)
    return code, written.result().decode()


def all_of(terminal):
    written = b""
    try:
        while piece := os.read(terminal, 4096):
            written += piece
    except OSError:  # the other side is closed
        pass
    return written


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("style", ["rich", "auto", "caffe"])
def test_training_on_a_terminal(style):
    code, written = on_a_terminal(
        "train", "solver.prototxt", "--log", style, starts=style == "auto"
    )
    assert code == 0, written
    assert r"a\x1b[31m\r\n=1+1[/b]" in written
    assert "a\x1b[31m\r" not in written


@pytest.mark.usefixtures("folder")
def test_progress_bars_on_a_terminal():
    Path("[b]x[").mkdir()
    Path("[b]x[/b].prototxt").write_text(NET)
    code, written = on_a_terminal("time", "[b]x[/b].prototxt", "--iterations", "1")
    assert code == 0, written
