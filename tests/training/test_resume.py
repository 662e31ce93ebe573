"""A run that is killed and resumed gives the bits of one that never stopped; nothing is half."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import solved
import torch

import protonet
from protonet.diagnostics import NetError
from protonet.training.log import Log
from protonet.training.signals import Signals
from protonet.weights.solver_state import read_solver_state

FILES = ("caffemodel", "solverstate", "position.json")
TESTED = "test_iter: 3\ntest_interval: 4\n"


def files(iteration, folder="."):
    return [Path(folder, f"tiny_iter_{iteration}.{suffix}").read_bytes() for suffix in FILES]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_resumed_bits_are_those_of_an_unbroken_run(folder):
    solved.write(folder, f"max_iter: 23\nsnapshot: 9\naverage_loss: 4\n{TESTED}")
    whole = protonet.train("solver.prototxt", log="none")
    wanted = files(23)
    Path("tiny_iter_23.solverstate").unlink()
    torch.manual_seed(99)
    again = protonet.train("solver.prototxt", snapshot="tiny_iter_9.solverstate", log="none")
    assert files(23) == wanted
    assert again.loss == whole.loss
    assert again.tests == whole.tests
    # Without the position the weights go elsewhere: the data starts at its first record.
    Path("tiny_iter_9.position.json").unlink()
    protonet.train("solver.prototxt", snapshot="tiny_iter_9.solverstate", log="none")
    assert files(23)[0] != wanted[0]


@pytest.mark.parametrize("delay", [0.0, 0.011])
def test_killed_at_any_moment(folder, delay):
    solved.write(folder, f"max_iter: 400\nsnapshot: 1\n{TESTED}")
    (folder / "whole").mkdir()
    (folder / "killed").mkdir()
    for name in ("net.prototxt", "train.h5", "train_list.txt", "solver.prototxt"):
        shutil.copy(name, folder / "whole")
        shutil.copy(name, folder / "killed")
    command = [sys.executable, "-m", "protonet", "train", "solver.prototxt", "--log", "json"]
    with subprocess.Popen(command, cwd="killed", stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if "tiny_iter_30." in line:
                time.sleep(delay)
                running.kill()
    assert running.returncode == -signal.SIGKILL
    states = [p for p in Path("killed").glob("tiny_iter_*.solverstate") if p.name[0] != "."]
    last = max(int(re.search(r"iter_(\d+)", p.name)[1]) for p in states)
    assert 29 <= last < 400
    end = last + 5
    text = Path("solver.prototxt").read_text().replace("max_iter: 400", f"max_iter: {end}")
    for where, snapshot in (("whole", None), ("killed", f"tiny_iter_{last}.solverstate")):
        Path(where, "end.prototxt").write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder / where)
            protonet.train("end.prototxt", snapshot=snapshot, log="none")
    assert files(end, "killed") == files(end, "whole")


def test_a_position_of_another_run_is_left_alone(folder):
    solved.write(folder, "max_iter: 4\nsnapshot: 2\n")
    protonet.train("solver.prototxt", log="none")
    position = json.loads(Path("tiny_iter_2.position.json").read_text())
    position["history_crc32"] ^= 1
    Path("tiny_iter_2.position.json").write_text(json.dumps(position))
    said = Said()
    protonet.train("solver.prototxt", snapshot="tiny_iter_2.solverstate", log=said)
    assert any("starts at the first record" in line for line in said.lines)


def test_a_snapshot_removes_what_a_killed_one_left(folder):
    solved.write(folder, "max_iter: 2\nsnapshot: 2\n")
    names = [".tiny_iter_1.0a1b2c3d.caffemodel", ".tiny_iter_1.position.0a1b2c3d.json"]
    for name in (*names, ".other_iter_1.0a1b2c3d.caffemodel"):
        Path(name).touch()
        os.utime(name, (1000, 1000))
    protonet.train("solver.prototxt", log="none")
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert hidden == [".other_iter_1.0a1b2c3d.caffemodel"]


def put(position, kind, index, value):
    position["ranks"][0]["random"][kind][index] = value


WRONG_POSITIONS = {
    "ranks a number": lambda p: p.update(ranks=10**30),
    "ranks of numbers": lambda p: p.update(ranks=[1]),
    "losses of text": lambda p: p.update(losses=["x"]),
    "no event": lambda p: p.pop("last_event"),
    "a huge event": lambda p: p.update(last_event=1e999),
    "no random numbers": lambda p: p["ranks"][0].update(random=None),
    "a place past numpy's words": lambda p: p["ranks"][0]["random"]["numpy"].__setitem__(
        2, -(10**7)
    ),
    "a place past Python's": lambda p: p["ranks"][0]["random"]["python"][1].__setitem__(624, 10**9),
    "torch's state cut": lambda p: p["ranks"][0]["random"].update(torch="AAAA"),
    "data a number": lambda p: p["ranks"][0].update(train=7),
    "data of another layer": lambda p: p["ranks"][0]["train"][0].update(layer="other"),
    "an order too long": lambda p: p["ranks"][0]["train"][0]["rows"].update(position=10**9),
    "too few feeds": lambda p: p["ranks"][0].update(train=[]),
    "nested too deep": lambda _: "[" * 100_000,
    "no JSON": lambda _: "{",
}


@pytest.mark.parametrize("spoil", WRONG_POSITIONS.values(), ids=WRONG_POSITIONS)
def test_a_position_that_is_damaged_is_one_error(folder, spoil):
    solved.write(folder, "max_iter: 2\nsnapshot: 2\n")
    protonet.train("solver.prototxt", log="none")
    file = Path("tiny_iter_2.position.json")
    position = json.loads(file.read_text())
    text = spoil(position)
    file.write_text(text if isinstance(text, str) else json.dumps(position))
    with pytest.raises(NetError, match=r"tiny_iter_2\.position\.json|'data' .*saved position"):
        protonet.train("solver.prototxt", snapshot="tiny_iter_2.solverstate", log="none")


class Said(Log):
    """Keeps every line, and does something at an iteration."""

    def __init__(self, at=None, then=None):
        self.lines, self.at, self.then, self.done = [], at, then, 0

    def said(self, text):
        self.lines.append(text)

    def stepped(self, iteration, loss, rate, items):
        self.done = iteration
        if iteration == self.at:
            self.then()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_snapshots_and_stops(folder, name):
    solved.write(folder, "max_iter: 50\nsnapshot_after_train: false\n")
    number = getattr(signal, name)
    before = signal.getsignal(number)
    said = Said(6, lambda: signal.raise_signal(number))
    trained = protonet.train("solver.prototxt", log=said)
    # Caffe looks after the update of the iteration in which the signal came.
    assert trained.iteration == 7
    assert trained.signal == number
    assert trained.snapshot == "tiny_iter_7.solverstate"
    assert read_solver_state(trained.snapshot).iteration == 7
    assert signal.getsignal(number) is before


def test_a_second_signal_stops_at_once(folder):
    solved.write(folder, "max_iter: 50\n")

    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        protonet.train("solver.prototxt", log=Said(3, twice))
    assert not list(folder.glob("tiny*"))


def test_a_launchers_echo_is_no_second_signal():
    with Signals(echo=60.0) as signals:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert signals.stop
        signals.echo = 0.0
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_hangup_snapshots_and_goes_on(folder):
    solved.write(folder, "max_iter: 8\nsnapshot_after_train: false\n")
    said = Said(3, lambda: signal.raise_signal(signal.SIGHUP))
    trained = protonet.train("solver.prototxt", log=said)
    assert trained.iteration == 8
    assert trained.signal == 0
    assert sorted(p.name for p in folder.glob("tiny*.solverstate")) == ["tiny_iter_4.solverstate"]


def test_effects_are_the_users(folder):
    solved.write(folder, "max_iter: 8\nsnapshot_after_train: false\n")
    said = Said(3, lambda: signal.raise_signal(signal.SIGINT))
    trained = protonet.train("solver.prototxt", log=said, effects={"SIGINT": "snapshot"})
    assert trained.iteration == 8
    assert trained.snapshot == "tiny_iter_4.solverstate"


def test_none_passes_over_a_signal(folder):
    solved.write(folder, "max_iter: 4\nsnapshot_after_train: false\n")
    said = Said(3, lambda: signal.raise_signal(signal.SIGHUP))
    trained = protonet.train("solver.prototxt", log=said, effects={"SIGHUP": "none"})
    assert trained.iteration == 4
    assert not list(folder.glob("tiny*"))


def test_a_run_in_a_thread_takes_no_signals(folder):
    solved.write(folder, "max_iter: 2\n")
    found = []
    thread = threading.Thread(
        target=lambda: found.append(protonet.train("solver.prototxt", log="none"))
    )
    thread.start()
    thread.join()
    assert found[0].iteration == 2


class Filling(Log):
    """From the fourth iteration on, the system takes files below the size of one of a snapshot."""

    def __init__(self, which):
        self.which = which

    def stepped(self, iteration, loss, rate, items):
        if iteration == 4:
            sizes = sorted(file.stat().st_size for file in Path().glob("tiny_iter_3.*"))
            resource = pytest.importorskip("resource")  # which Windows has not
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[self.which] - 1, hard))


@pytest.fixture
def file_sizes():
    """Put the limit of a file's size back after a test."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("file_sizes")
@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_a_file_that_does_not_fit_leaves_nothing_of_its_snapshot(folder, which, form):
    solved.write(folder, f"max_iter: 9\nsnapshot: 3\nsnapshot_format: {form}\n")
    suffix = ".h5" if form == "HDF5" else ""
    snapshot = f"tiny_iter_3.solverstate{suffix}"
    file = r"tiny_iter_6\.(caffemodel|position\.json|solverstate)(\.h5)?: File too large"
    words = rf"^error: the snapshot of iteration 6 can't be written: {file}\n"
    with pytest.raises(NetError, match=words) as raised:
        protonet.train("solver.prototxt", log=Filling(which))
    assert raised.value.hint.endswith(f"go on from the last one: --snapshot {snapshot}")
    left = sorted(path.name for path in folder.iterdir() if "tiny" in path.name)
    ends = [f"caffemodel{suffix}", "position.json", f"solverstate{suffix}"]
    assert left == [f"tiny_iter_3.{end}" for end in ends]


@pytest.mark.parametrize("form", ["BINARYPROTO", "HDF5"])
def test_a_run_goes_on_from_the_snapshot_before_the_disk_was_full(folder, form):
    solved.write(folder, f"max_iter: 9\nsnapshot: 3\nsnapshot_format: {form}\n")
    suffix = ".h5" if form == "HDF5" else ""
    protonet.train("solver.prototxt", log="none")
    names = [f"tiny_iter_9.{end}{suffix}" for end in ("caffemodel", "solverstate")]
    wanted = [Path(name).read_bytes() for name in names]
    for path in folder.glob("tiny_iter_[69]*"):
        path.unlink()
    snapshot = f"tiny_iter_3.solverstate{suffix}"
    assert protonet.train("solver.prototxt", snapshot=snapshot, log="none").iteration == 9
    assert [Path(name).read_bytes() for name in names] == wanted


@pytest.mark.parametrize("stop", ["the weights", "the position", "the state"])
def test_a_snapshot_that_is_overwritten_never_mixes_with_the_old_one(folder, monkeypatch, stop):
    # As where the process is killed between the renames of a run that comes by here again.
    solved.write(folder, "max_iter: 3\n")
    protonet.train("solver.prototxt", log="none")
    old = {p.name: p.read_bytes() for p in folder.glob("tiny*")}
    text = Path("solver.prototxt").read_text()
    Path("solver.prototxt").write_text(text.replace("random_seed: 7", "random_seed: 8"))
    done, allowed = [], ["the weights", "the position", "the state"].index(stop)
    replace = os.replace

    def killed(source, target):
        if str(target).startswith(str(folder / "tiny")):
            if len(done) == allowed:
                raise KeyboardInterrupt
            done.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        protonet.train("solver.prototxt", log="none")
    left = {p.name: p.read_bytes() for p in folder.glob("tiny*")}
    assert "tiny_iter_3.solverstate" not in left
    assert len([name for name in left if left[name] != old[name]]) == allowed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:100], "is no solver state"),
        (lambda data: b"\x00" + data, "is no solver state"),
        (lambda _: b"", "names no iteration"),
    ],
)
def test_a_damaged_state(folder, change, words):
    solved.write(folder, "max_iter: 2\n")
    protonet.train("solver.prototxt", log="none")
    path = Path("tiny_iter_2.solverstate")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(NetError, match=words):
        protonet.train("solver.prototxt", snapshot=str(path), log="none")


def test_weights_in_the_states_place(folder):
    solved.write(folder, "max_iter: 2\n")
    protonet.train("solver.prototxt", log="none")
    with pytest.raises(NetError, match="is no solver state") as raised:
        protonet.train("solver.prototxt", snapshot="tiny_iter_2.caffemodel", log="none")
    assert raised.value.hint == "these are weights; give the .solverstate beside them"


def test_a_state_of_another_solver_or_net(folder):
    solved.write(folder, "max_iter: 2\n")
    protonet.train("solver.prototxt", log="none")
    other = Path("solver.prototxt").read_text() + 'type: "Adam"\n'
    Path("adam.prototxt").write_text(other)
    with pytest.raises(NetError, match=r"has 4 history blobs.* take 8"):
        protonet.train("adam.prototxt", snapshot="tiny_iter_2.solverstate", log="none")
    Path("tiny_iter_2.caffemodel").unlink()
    with pytest.raises(NetError, match=r"weights 'tiny_iter_2.caffemodel'.* are not there"):
        protonet.train("solver.prototxt", snapshot="tiny_iter_2.solverstate", log="none")
    with pytest.raises(NetError, match="both given"):
        protonet.train("solver.prototxt", snapshot="a", weights="b", log="none")
