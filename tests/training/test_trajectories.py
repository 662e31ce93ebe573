"""Seventeen solvers, twelve iterations each, against what Caffe did: losses, weights, files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import protonet
from protonet.schema.pool import message
from protonet.training.log import Log
from protonet.training.snapshot import fingerprint

GOLDEN = Path(__file__).parents[1] / "golden" / "solvers"
CASES = sorted(path.name for path in GOLDEN.iterdir())
# Single precision sums in another order; twelve steps at these rates amplify that.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


class Heard(Log):
    """The outputs that a run showed, by iteration."""

    def __init__(self):
        self.outputs = {}
        self.lines = []

    def said(self, text):
        self.lines.append(text)

    def trained(self, iteration, loss, scores, speed):
        if scores:
            self.outputs[iteration + 1] = [score.value for score in scores]


@pytest.fixture(params=CASES)
def case(request, tmp_path, monkeypatch):
    """A copy of a case to work in, without Caffe's snapshots; and the folder they are in."""
    for path in (GOLDEN / request.param).iterdir():
        if not path.name.startswith("snap"):
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return GOLDEN / request.param


def read_binary(path, kind):
    made = message(kind)
    made.ParseFromString(path.read_bytes())
    return made


def blob(proto):
    return np.array(proto.data, np.float32).reshape(tuple(proto.shape.dim))


def weights(stem):
    """{layer/index: array} of a snapshot's caffemodel, read without protonet's own reader."""
    path = Path(f"{stem}.caffemodel")
    if path.exists():
        net = read_binary(path, "NetParameter")
        return {f"{la.name}/{i}": blob(b) for la in net.layer for i, b in enumerate(la.blobs)}
    with h5py.File(f"{stem}.caffemodel.h5") as file:
        layers = file["data"]
        return {f"{name}/{i}": layers[name][i][()] for name in layers for i in layers[name]}


def state(stem):
    """(iteration, file of the weights, current step, history) of a snapshot's solver state."""
    path = Path(f"{stem}.solverstate")
    if path.exists():
        read = read_binary(path, "SolverState")
        history = [blob(b) for b in read.history]
        return read.iter, read.learned_net, read.current_step, history
    with h5py.File(f"{stem}.solverstate.h5") as file:
        history = [file["history"][str(i)][()] for i in range(len(file["history"]))]
        learned = file["learned_net"][()].decode().rstrip("\0")
        return file["iter"][0], learned, file["current_step"][0], history


def check_weights(found, trajectory, which):
    wanted = {key[len(which) + 1 :]: trajectory[key] for key in trajectory if key.startswith(which)}
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, **CLOSE, err_msg=key)


def test_trajectory_and_files(case):
    follow(case)


def follow(case, **options):
    """Train and compare with Caffe's losses, weights and snapshots."""
    heard = Heard()
    protonet.train("solver.prototxt", weights="init.caffemodel", log=heard, **options)
    trajectory = np.load(case / "trajectory.npz")
    for iteration in range(1, 13):
        (loss,) = heard.outputs[iteration]
        np.testing.assert_allclose(loss, trajectory[f"loss/{iteration}"], **CLOSE)
    check_weights(weights("snap_iter_6"), trajectory, "w6")
    check_weights(weights("snap_iter_12"), trajectory, "w12")

    ours, theirs = weights("snap_iter_6"), weights(case / "snap_iter_6")
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert ours[key].shape == value.shape
        np.testing.assert_allclose(ours[key], value, **CLOSE, err_msg=key)
    ours, theirs = state("snap_iter_6"), state(case / "snap_iter_6")
    assert ours[:3] == theirs[:3]
    assert len(ours[3]) == len(theirs[3])
    for own, other in zip(ours[3], theirs[3], strict=True):
        assert own.shape == other.shape
        np.testing.assert_allclose(own, other, **CLOSE)


def test_the_definition_in_the_file_is_caffes(case):
    if (case / "snap_iter_6.caffemodel.h5").exists():
        pytest.skip("HDF5 holds no definition")
    protonet.train("solver.prototxt", weights="init.caffemodel", log="none")
    ours = read_binary(Path("snap_iter_6.caffemodel"), "NetParameter")
    theirs = read_binary(case / "snap_iter_6.caffemodel", "NetParameter")
    assert ours.name == theirs.name
    # Caffe's file also has the Split layers that it puts in by itself.
    split = [layer.name for layer in theirs.layer if layer.type != "Split"]
    assert [layer.name for layer in ours.layer] == split
    kinds = {layer.name: (layer.type, list(layer.top), layer.phase) for layer in theirs.layer}
    for layer in ours.layer:
        assert (layer.type, list(layer.top), layer.phase) == kinds[layer.name]


def test_resuming_from_caffes_snapshot(case):
    protonet.train("solver.prototxt", weights="init.caffemodel", log="none")
    for path in case.glob("snap*"):
        shutil.copy(path, ".")
    # Caffe's data would start again; put where its run stood beside its snapshot.
    position = json.loads(Path("snap_iter_6.position.json").read_text())
    position["history_crc32"] = fingerprint(state("snap_iter_6")[3])
    Path("snap_iter_6.position.json").write_text(json.dumps(position))
    heard = Heard()
    (snapshot,) = (str(path) for path in Path().glob("snap_iter_6.solverstate*"))
    protonet.train("solver.prototxt", snapshot=snapshot, log=heard)
    trajectory = np.load(case / "trajectory.npz")
    assert sorted(heard.outputs) == list(range(7, 13))
    for iteration in range(7, 13):
        (loss,) = heard.outputs[iteration]
        np.testing.assert_allclose(loss, trajectory[f"loss/{iteration}"], **CLOSE)
    check_weights(weights("snap_iter_12"), trajectory, "w12")
