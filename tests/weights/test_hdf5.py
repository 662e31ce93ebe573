"""Caffe's HDF5 layout against h5py, and against a file that Caffe itself wrote."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from files import NET, random_blobs, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import protonet
from protonet import NetError
from protonet.api import graph
from protonet.weights.hdf5 import write_hdf5
from protonet.weights.read import open_weights
from protonet.weights.solver_state import SolverState, write_solver_state

GOLDEN = Path(__file__).parent.parent / "golden" / "weights"
INPUT = {"data": (4, 2, 8, 8), "label": (4,)}


def stored(path):
    """Every dataset of a file by its path, read by h5py."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda n, o: found.update({n: o[()] if hasattr(o, "dtype") else None}))
    return found


def test_what_caffe_wrote():
    path = GOLDEN / "sgd_hdf5_snapshot" / "snap_iter_6.caffemodel.h5"
    theirs = {k: v for k, v in stored(path).items() if v is not None}
    blobs = protonet.read_blobs(path)
    assert {f"data/{k}/{i}" for k, v in blobs.items() for i in range(len(v))} == set(theirs)
    for key, array in theirs.items():
        _, layer, index = key.split("/")
        same({"": [blobs[layer][int(index)]]}, {"": [array]})
    assert blobs["relu"] == []


@pytest.mark.parametrize("folder", ["sgd_hdf5_snapshot", "sgd_shared"])
def test_what_is_written_lies_where_caffes_own_does(tmp_path, folder):
    (file,) = (GOLDEN / folder).glob("snap*")
    net = protonet.compile(
        (GOLDEN / folder / "net.prototxt").read_text(), "TRAIN", shapes=INPUT, weights=file
    )
    protonet.save(net, tmp_path / "own.caffemodel.h5")
    own = stored(tmp_path / "own.caffemodel.h5")
    blobs = protonet.read_blobs(file)
    shared = {"data/h3/0", "data/h3/1"} if folder == "sgd_shared" else set()
    wanted = {f"data/{k}/{i}": a for k, v in blobs.items() for i, a in enumerate(v)}
    assert {k for k, v in own.items() if v is not None} == set(wanted) - shared
    for key in set(wanted) - shared:
        np.testing.assert_array_equal(own[key], wanted[key])
    if folder == "sgd_hdf5_snapshot":
        assert own.keys() == stored(file).keys()
    again = protonet.compile((GOLDEN / folder / "net.prototxt").read_text(), "TRAIN", shapes=INPUT)
    protonet.load_weights(again, tmp_path / "own.caffemodel.h5", strict=True)
    same(protonet.dump_blobs(again), protonet.dump_blobs(net))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_with_gradients(tmp_path, dtype):
    blobs = random_blobs(dtype)
    diffs = {k: [-a for a in v] for k, v in blobs.items()}
    write_hdf5(tmp_path / "a.h5", graph(NET).definition, blobs, diffs)
    there = stored(tmp_path / "a.h5")
    for layer, arrays in blobs.items():
        for index, array in enumerate(arrays):
            same({"": [there[f"data/{layer}/{index}"]]}, {"": [array]})
            same({"": [there[f"diff/{layer}/{index}"]]}, {"": [-array]})
    opened = open_weights(tmp_path / "a.h5")
    for layer in opened.layers:
        for blob, array in zip(layer.blobs, diffs.get(layer.name, ()), strict=True):
            same({"": [np.asarray(blob.diff)]}, {"": [array]})
    read = protonet.read_blobs(tmp_path / "a.h5")
    same({k: read[k] for k in blobs}, blobs)


def test_a_blob_left_out_is_only_right_where_another_layer_has_it(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data/f/1"] = np.zeros(2, np.float32)
    assert protonet.read_blobs(tmp_path / "a.h5")["f"][0] is None
    with pytest.raises(NetError, match=r"layer 'f': blob 0 \(36x2 in the net\) is not in the file"):
        protonet.compile(NET, weights=tmp_path / "a.h5")


def other(path):
    with h5py.File(path, "w") as file:
        file["model_weights/conv/kernel"] = np.zeros(3)


def integers(path):
    with h5py.File(path, "w") as file:
        file["data/f/0"] = np.zeros(3, np.int32)


def only_claimed(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("data/f/0", (2**20, 2**20), "f4", chunks=(1024, 1024))


def many(path):
    with h5py.File(path, "w") as file:
        file["data/f/99999999"] = np.zeros(3)


def around(path):
    with h5py.File(path, "w") as file:
        file["data/f/0"] = np.zeros(3)
        file["data/f/loop"] = file["data"]
        file["data/elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")


@pytest.mark.parametrize(
    "write, problem",
    [
        (other, "is HDF5, but not Caffe's weights"),
        (integers, "layer 'f', blob 0 holds int32, no floats"),
        (only_claimed, "claims 1,099,511,627,776 elements, but only 0 bytes are there"),
        (many, "has a blob 99999999"),
    ],
)
def test_what_is_not_caffes_is_refused(tmp_path, write, problem):
    write(tmp_path / "a.h5")
    with pytest.raises(NetError, match=problem):
        protonet.read_blobs(tmp_path / "a.h5")


def test_links_lead_nowhere(tmp_path):
    around(tmp_path / "a.h5")
    assert list(protonet.read_blobs(tmp_path / "a.h5")) == ["f"]


def test_names_that_hdf5_cannot_hold(tmp_path):
    net = graph(
        'input: "x" input_shape { dim: 1 dim: 1 } '
        'layer { name: "a" type: "Scale" bottom: "x" top: "a" }'
        'layer { name: "a/0" type: "Scale" bottom: "a" top: "b" }'
    ).definition
    one = [np.ones(1, np.float32)]
    with pytest.raises(NetError, match="names don't fit into HDF5"):
        write_hdf5(tmp_path / "a.h5", net, {"a": one, "a/0": one})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(tmp_path):
    resource = pytest.importorskip("resource")  # which Windows has not
    net = graph(
        'input: "x" input_shape { dim: 1 dim: 1 } '
        'layer { name: "a" type: "Scale" bottom: "x" top: "y" }'
    )
    blobs = {"a": [np.ones(1, np.float32)]}
    path = tmp_path / "b.h5"
    writes = (
        lambda: write_hdf5(path, net.definition, blobs),
        lambda: write_solver_state(path, SolverState(1, "a", blobs["a"], 0)),
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for write in writes:
        write()
        needed = path.stat().st_size
        path.unlink()
        resource.setrlimit(resource.RLIMIT_FSIZE, (needed - 1, before[1]))
        try:
            with pytest.raises(OSError, match="File too large") as caught:
                write()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert caught.value.filename == str(path)
    assert not list(tmp_path.iterdir())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(cut=st.integers(1, 9471))
def test_a_truncated_file(tmp_path, cut):
    whole = (GOLDEN / "sgd_hdf5_snapshot" / "snap_iter_6.caffemodel.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[:cut])
    with pytest.raises(NetError, match=r"cut\.h5"):
        protonet.read_blobs(tmp_path / "cut.h5")
