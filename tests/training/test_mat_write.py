"""MatWrite in a test net: its files, byte by byte as MATLAB's format says, and their names."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import solved

import protonet
from protonet.data.mat_file import MatWriter, mat_bytes
from protonet.diagnostics import NetError


def read(data):
    """The one array of a file: its name and its values, the first axis running fastest."""
    assert data[:10] == b"MATLAB 5.0"
    assert data[124:128] == b"\0\1IM"
    kind, size = struct.unpack_from("<II", data, 128)
    assert (kind, size) == (14, len(data) - 136)
    elements, at = [], 136
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        elements.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + (size + 7) // 8 * 8
    assert [kind for kind, _ in elements] == [6, 5, 1, 7]
    flags, sizes, name, values = (content for _, content in elements)
    assert struct.unpack("<II", flags) == (7, 0)
    shape = np.frombuffer(sizes, "<i4")
    return name.decode(), np.frombuffer(values, "<f4").reshape(shape, order="F")


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 1, 1), (3, 1, 1, 7)])
def test_an_array_has_its_axes_the_other_way_round(shape):
    blob = np.random.RandomState(0).rand(*shape).astype(np.float32)
    name, found = read(mat_bytes(blob))
    assert name == "data"
    np.testing.assert_array_equal(found, blob.transpose(3, 2, 1, 0))


def test_names_of_a_list_and_every_other_pass(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("one.jpg x\ntwo.jpg\nthree.jpg\n")
    writer = MatWriter("out/", "names.txt", 4, 2)
    for number in range(3):
        writer.add(np.full((1, 2), number), np.zeros(1))
    found = sorted(path.name for path in Path("out").iterdir())
    wanted = [f"{n}_blob_{k}.mat" for n in ("one", "three") for k in (0, 1)]
    assert found == wanted
    assert read(Path("out/three_blob_0.mat").read_bytes())[1].ravel().tolist() == [2, 2]
    writer.add(np.zeros(1))
    with pytest.raises(NetError, match="MatWrite has 3 names, and this is pass 5"):
        writer.add(np.zeros(1))


def test_a_name_that_strip_leaves_nothing_of(tmp_path):
    (tmp_path / "names.txt").write_text("one\n")
    with pytest.raises(NetError, match="has the name 'one', and strip takes 3 letters"):
        MatWriter("", str(tmp_path / "names.txt"), 3, 1)


LAYER = """layer { name: "out" type: "MatWrite" bottom: "ip2"
  mat_write_param { prefix: "scores/" } %s }
"""


def test_a_test_net_writes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(
        tmp_path, "max_iter: 1\ntest_iter: 3\ntest_interval: 1\ntest_initialization: false\n"
    )
    text = Path("net.prototxt").read_text()
    Path("net.prototxt").write_text(text + LAYER % "include { phase: TEST }")
    protonet.train("solver.prototxt", log="none")
    names = sorted(path.name for path in Path("scores").iterdir())
    assert names == [f"iter_{n}_blob_0.mat" for n in range(3)]
    assert read(Path("scores/iter_0_blob_0.mat").read_bytes())[1].shape == (1, 1, 3, 4)


def test_not_in_a_training_net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(tmp_path, "max_iter: 1\n")
    with Path("net.prototxt").open("a") as net:
        net.write(LAYER % "")
    with pytest.raises(NetError, match=r"\(MatWrite\): a training net writes no file"):
        protonet.train("solver.prototxt", log="none")
