"""HDF5Output in a test net: its file holds what went through, and appears whole."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import solved

import protonet
from protonet.diagnostics import NetError

LAYER = """layer { name: "out" type: "HDF5Output" bottom: "ip2" bottom: "label"
  hdf5_output_param { file_name: "out.h5" } %s }
"""


def test_what_the_test_net_saw(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(
        tmp_path, "max_iter: 3\ntest_iter: 4\ntest_interval: 3\ntest_initialization: false\n"
    )
    text = Path("net.prototxt").read_text().replace("shuffle: true", "shuffle: false")
    Path("net.prototxt").write_text(text + LAYER % "include { phase: TEST }")
    trained = protonet.train("solver.prototxt", log="none")
    blobs = protonet.dump_blobs(trained.net)
    with h5py.File("train.h5") as file:
        x, labels = file["data"][()].reshape(16, -1), file["label"][()]
    hidden = np.maximum(x @ blobs["ip1"][0].T + blobs["ip1"][1], 0)
    with h5py.File("out.h5") as file:
        np.testing.assert_allclose(
            file["data"][()].reshape(16, 3),
            hidden @ blobs["ip2"][0].T + blobs["ip2"][1],
            rtol=1e-4,
            atol=1e-5,
        )
        np.testing.assert_array_equal(file["label"][()].ravel(), labels.ravel())


def test_not_in_a_training_net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(tmp_path, "max_iter: 3\n")
    with Path("net.prototxt").open("a") as net:
        net.write(LAYER % "")
    with pytest.raises(NetError, match="a training net writes no file"):
        protonet.train("solver.prototxt", log="none")
