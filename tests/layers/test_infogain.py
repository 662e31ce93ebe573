"""InfogainLoss with its matrix in a file, as Caffe's binaryproto holds it."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import torch

import protonet
from protonet import NetError
from protonet.schema.pool import message

NET = """
layer { name: "in" type: "Input" top: "x" top: "label"
        input_param { shape { dim: 4 dim: 3 } shape { dim: 4 } } }
layer { name: "loss" type: "InfogainLoss" bottom: "x" bottom: "label" top: "loss"
        infogain_loss_param { source: "matrix.binaryproto" } }
"""
MATRIX = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.prototxt").write_text(NET)
    return tmp_path


def write(path, matrix, field="data"):
    blob = message("BlobProto")
    blob.num = blob.channels = 1
    blob.height = blob.width = len(matrix)
    getattr(blob, field).extend(matrix.reshape(-1).tolist())
    path.write_bytes(blob.SerializeToString())


@pytest.mark.parametrize("field", ["data", "double_data"])
def test_the_matrix_of_the_file_counts(folder, field):
    write(folder / "matrix.binaryproto", MATRIX, field)
    x = np.random.default_rng(1).normal(size=(4, 3))
    labels = np.array([0.0, 2.0, 1.0, 2.0])
    net = protonet.compile("net.prototxt").double()
    given = net(torch.from_numpy(x), torch.from_numpy(labels))
    wanted = reference.infogain_loss(x, labels, MATRIX, axis=1, mode="VALID")
    np.testing.assert_allclose(given.item(), wanted, rtol=1e-6)
    assert net.to("meta").loss.matrix.device.type == "meta"


def test_it_is_found_beside_the_definition(folder, monkeypatch):
    write(folder / "matrix.binaryproto", MATRIX)
    monkeypatch.chdir("/")
    assert "InfogainMatrix" in protonet.emit(folder / "net.prototxt")


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_not_there():
    with pytest.raises(NetError, match=r"matrix.binaryproto can't be read: no such file") as caught:
        protonet.compile("net.prototxt")
    assert caught.value.span.line == 5
    assert protonet.check("net.prototxt") == []


@pytest.mark.parametrize("content", [b"", b"no proto at all"])
def test_a_file_that_is_something_else(folder, content):
    (folder / "matrix.binaryproto").write_bytes(content)
    with pytest.raises(NetError, match=r"matrix.binaryproto is no blob"):
        protonet.compile("net.prototxt")


def test_a_matrix_of_another_size(folder):
    write(folder / "matrix.binaryproto", np.ones((2, 2)))
    with pytest.raises(NetError, match="9 elements, the file has 4"):
        protonet.compile("net.prototxt")
