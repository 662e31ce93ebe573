"""Two processes on gloo: what they train, what they write, and how they end."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import solved
import torch

import protonet
from protonet.training.log import Log
from protonet.training.parallel import launch_command
from protonet.weights.solver_state import read_solver_state

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no torch.distributed"
)


class Losses(Log):
    def __init__(self):
        self.losses = []

    def stepped(self, iteration, loss, rate, items):
        self.losses.append(loss)
        self.items = items


# Two processes as torchrun starts them, which have imported the same once.
FORKED = """
import os, signal, sys
import torch.distributed
import protonet.training.session
from protonet.cli import main
for rank in range(2):
    if not os.fork():
        signal.alarm(100)
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
        main()
sys.exit(max(os.waitpid(-1, 0)[1] for _ in range(2)) > 0)
"""


def forked(folder, *arguments):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", FORKED, "train", "solver.prototxt", "--device", "cpu"]
    return end_of([*command, *arguments], folder, **meeting)


def torchrun(folder, *arguments):
    command = launch_command(2, ["train", "solver.prototxt", "--device", "cpu", *arguments])
    return end_of(command, folder)


def end_of(command, folder, **stated):
    stated = {**os.environ, "OMP_NUM_THREADS": "1", **stated}  # or torchrun begins with a word
    return subprocess.run(
        command, cwd=folder, env=stated, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("layer_wise", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_two_processes_follow_one_with_iter_size_two(tmp_path, monkeypatch, layer_wise):
    solved.write(tmp_path, "max_iter: 12\niter_size: 2\nsnapshot: 6\n", shuffle=False, dropout=0)
    monkeypatch.chdir(tmp_path)
    heard = Losses()
    one = protonet.train("solver.prototxt", log=heard)
    history = read_solver_state(one.snapshot).history

    text = Path("solver.prototxt").read_text().replace("iter_size: 2", "display: 1")
    (tmp_path / "two").mkdir()
    solved.write(tmp_path / "two", shuffle=False, dropout=0)
    Path("two/solver.prototxt").write_text(f"{text}layer_wise_reduce: {str(layer_wise).lower()}\n")
    done = torchrun(tmp_path / "two", "--log", "json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    # Every line once: the second process says nothing.
    losses = [e["loss"] for e in events if e["event"] == "train"][:12]
    np.testing.assert_allclose(losses, heard.losses, rtol=1e-4, atol=1e-6)
    state = read_solver_state("two/tiny_iter_12.solverstate")
    for ours, theirs in zip(state.history, history, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)
    position = json.loads(Path("two/tiny_iter_12.position.json").read_text())
    assert len(position["ranks"]) == 2

    if layer_wise:  # and it resumes in two processes
        wanted = Path("two/tiny_iter_12.caffemodel").read_bytes()
        Path("two/tiny_iter_12.caffemodel").unlink()
        done = forked(tmp_path / "two", "--snapshot", "tiny_iter_6.solverstate")
        assert done.returncode == 0, done.stderr
        assert Path("two/tiny_iter_12.caffemodel").read_bytes() == wanted


def test_a_process_that_dies_ends_the_run_with_its_error(tmp_path):
    solved.write(tmp_path, "max_iter: 1000000\n", shuffle=False, dropout=0)
    with h5py.File(tmp_path / "train.h5", "r+") as file:
        file["data"][9, 0, 0, 0] = np.nan  # an odd record: the second process reads it
    start = time.monotonic()
    done = torchrun(tmp_path, "--log", "none")
    assert time.monotonic() - start < 100
    assert done.returncode != 0
    ours, _, summary = done.stderr.partition("Root Cause")
    words = "error: iteration 1: the loss is nan; the data blob 'data' itself is not finite"
    assert ours.startswith(words)
    assert f"traceback : {words}" in summary
    assert not list(tmp_path.glob("tiny*"))


def test_what_all_processes_find_wrong_is_said_once(tmp_path):
    solved.write(tmp_path, "max_iter: 4\n")
    (tmp_path / "train_list.txt").unlink()
    done = torchrun(tmp_path)
    assert done.returncode != 0
    ours, _, summary = done.stderr.partition("Root Cause")
    words = "error: layer 'data' (HDF5Data): there is no file or folder 'train_list.txt'"
    assert ours.startswith(f"net.prototxt:3:21: {words}")
    assert ours.count(words) == summary.count(words) == 1


TIED = """layer { name: "data" type: "HDF5Data" top: "data" top: "label"
  hdf5_data_param { source: "train_list.txt" batch_size: 4 } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "h" include { phase: TRAIN }
  param { name: "w" } inner_product_param { num_output: 5 transpose: true
  weight_filler { type: "xavier" } } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "h" include { phase: TEST }
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "d" type: "InnerProduct" bottom: "h" top: "y"
  param { name: "w" share_mode: PERMISSIVE }
  inner_product_param { num_output: 98 weight_filler { type: "xavier" } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "y" bottom: "label" top: "loss" }
"""


@pytest.mark.parametrize("layer_wise", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_two_processes_of_which_one_tests_by_a_view_of_a_weight(tmp_path, monkeypatch, layer_wise):
    # The first process lays the weight out for its test net; what they add up must be alike.
    for folder, tested in (("one", "iter_size: 2"), ("two", "test_iter: 1\ntest_interval: 2")):
        (tmp_path / folder).mkdir()
        more = f"max_iter: 6\nlayer_wise_reduce: {str(layer_wise).lower()}\n{tested}\n"
        solved.write(tmp_path / folder, more)
        (tmp_path / folder / "net.prototxt").write_text(TIED)
    monkeypatch.chdir(tmp_path / "one")
    one = protonet.train("solver.prototxt", log="none")
    done = forked(tmp_path / "two")
    assert done.returncode == 0, done.stderr
    found = protonet.read_blobs(tmp_path / "two" / "tiny_iter_6.caffemodel")
    for layer, blobs in protonet.dump_blobs(one.net).items():
        for blob, wanted in zip(found.get(layer, ()), blobs, strict=True):
            np.testing.assert_allclose(blob, wanted, rtol=1e-4, atol=1e-6)
