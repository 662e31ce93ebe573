"""HDF5 files that claim, link or hold what they should not: one error each, and no memory."""

from __future__ import annotations

import os
import re
import resource
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import protonet
from protonet import NetError
from protonet.data.hdf5_file import open_hdf5
from protonet.weights.hdf5 import read_hdf5
from protonet.weights.solver_state import read_solver_state

HUGE = (40_000, 50_000)


def unwritten(group, name):
    group.create_dataset(name, shape=HUGE, dtype="f4", chunks=(1000, 1000))


def reference(group, name):
    group.create_dataset(name, data=np.array([group.ref], dtype=h5py.ref_dtype))


def compound(group, name):
    group.create_dataset(name, data=np.zeros(3, [("a", "f4"), ("b", "f4")]))


def external(group, name):
    group.create_dataset(name, (4,), "f4", external=[("/etc/hostname", 0, 16)])


def virtual(group, name):
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
    group.create_virtual_dataset(name, layout)


def outer_link(group, name):
    group[name] = h5py.ExternalLink("other.h5", "/x")


def ring(group, name):
    group[name] = h5py.SoftLink(f"{group.name}/{name}")


def nothing(group, name):
    group.create_dataset(name, data=h5py.Empty("f4"))


WRONG = [
    (unwritten, "claims 2,000,000,000 elements, but only 0 bytes are there"),
    (reference, "holds references, no "),
    (compound, "holds .*, no "),
    (external, "is kept in other files"),
    (virtual, "is kept in other files"),
    (outer_link, "is a link into another file"),
    (ring, "is a link that leads to links"),
    (nothing, "holds nothing, no "),
]


pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("other.h5", "w") as file:
        file["x"] = np.ones(4, "f4")


@pytest.mark.parametrize(("spoil", "words"), WRONG, ids=[spoil.__name__ for spoil, _ in WRONG])
def test_what_the_file_does_not_hold_is_refused(spoil, words):
    with h5py.File("a.h5", "w") as file:
        spoil(file, "x")
    file = open_hdf5("a.h5", "a test")
    with pytest.raises(NetError, match=rf"a\.h5.*({words})"):
        file.read("'x'", file.find(file.root, "x"))
    file.close()
    with h5py.File("w.caffemodel.h5", "w") as file:
        spoil(file.create_group("data/ip"), "0")
    if spoil not in (outer_link, ring):
        with pytest.raises(NetError, match=rf"w\.caffemodel\.h5.*({words})"):
            read_hdf5("w.caffemodel.h5")
    with h5py.File("s.solverstate.h5", "w") as file:
        file["iter"], file["current_step"] = [3], [0]
        spoil(file.create_group("history"), "0")
    with pytest.raises(NetError, match=rf"s\.solverstate\.h5.*({words})"):
        read_solver_state("s.solverstate.h5")


def with_endless_heap(number):
    """A file whose heap of that number has free blocks in a circle."""
    data = bytearray(Path("a.h5").read_bytes())
    heaps = [at.start() for at in re.finditer(b"HEAP", data)]
    (names,) = struct.unpack_from("<Q", data, heaps[number] + 24)
    start = struct.unpack_from("<Q", data, heaps[number] + 8)[0] - 16
    struct.pack_into("<Q", data, heaps[number] + 16, start)
    base = data.index(b"\x89HDF")
    struct.pack_into("<QQ", data, base + names + start, start, 16)
    Path("a.h5").write_bytes(data)


@pytest.mark.parametrize("userblock", [0, 512])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_heap_of_names_without_an_end_is_refused_before_hdf5_follows_it(userblock, number):
    """Of the root, of a group in it, and of a data set's other files."""
    with h5py.File("a.h5", "w", userblock_size=userblock) as file:
        file["x/y"] = np.arange(3.0)
        file.create_dataset("z", (4,), "f4", external=[("/etc/hostname", 0, 16)])
        for number_of_many in range(50):  # the header of x goes on elsewhere
            file["x"].attrs[f"long {number_of_many}"] = "a" * 90
    file = open_hdf5("a.h5", "a test")
    assert file.read("'y'", file.find(file.root, "x/y")).tolist() == [0, 1, 2]
    file.close()
    with_endless_heap(number)
    with pytest.raises(NetError, match=r"a\.h5 is damaged: the list of free blocks at byte"):
        found_in("a.h5", "x/y" if number == 1 else "z")


def found_in(path, name):
    file = open_hdf5(path, "a test")
    return file.find(file.root, name)


def test_links_and_groups_within_the_file_are_followed():
    with h5py.File("a.h5", "w") as file:
        file["in/side"] = np.arange(3.0)
        file["soft"], file["in/back"] = h5py.SoftLink("/in/side"), h5py.SoftLink("side")
        file["hard"] = file["in/side"]
    file = open_hdf5("a.h5", "a test")
    for name in ("in/side", "/in/side", "soft", "hard", "in/back"):
        assert file.read(name, file.find(file.root, name)).tolist() == [0, 1, 2]
    for name in ("nowhere", "in/nowhere", "in/side/deeper", ""):
        assert not file.is_array(file.find(file.root, name))
    file.close()


def test_a_packed_file_that_is_real_is_read():
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros(1 << 20, "f4"), compression="gzip")
        file.create_dataset("y", (1000,), "f4")
    file = open_hdf5("a.h5", "a test")
    assert not file.read("'x'", file.find(file.root, "x")).any()
    assert len(file.read("'y'", file.find(file.root, "y"), unwritten=4000)) == 1000
    file.close()


def test_names_that_are_no_text():
    with h5py.File("w.h5", "w") as file:
        layers = file.create_group("data")
        layers["ip/1"] = np.ones(3, "f4")
        layers["ip"]["\N{ARABIC-INDIC DIGIT ONE}"] = layers["ip"]["01"] = np.ones(9, "f4")
    found = {layer.name: layer.blobs for layer in read_hdf5("w.h5").layers}
    assert found["ip"][0] is None
    assert found["ip"][1].shape == (3,)
    assert len(found["ip"]) == 2
    for group in ("data", "data/ip"):
        with h5py.File("x.h5", "w") as file:
            file.create_group(group).create_group(b"caf\xe9")
        with pytest.raises(NetError, match=rf"name b'caf.xe9' in '/{group}' is no UTF-8"):
            read_hdf5("x.h5")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.__delitem__("history"), "it has no group 'history'"),
        (lambda f: f.__delitem__("iter"), "has no 'iter'"),
        (lambda f: f.__delitem__("history/1"), "has no blob 0|has no blob 1"),
        (lambda f: f["history"].create_dataset("x", data=1.0), "its history has no blob 2"),
        (lambda f: (f.__delitem__("iter"), f.create_group("iter")), "has no 'iter'"),
        (
            lambda f: (f.__delitem__("iter"), f.create_dataset("iter", data=b"x")),
            "no whole numbers",
        ),
    ],
)
def test_solver_states_that_are_none(spoil, words):
    with h5py.File("s.solverstate.h5", "w") as file:
        file["iter"], file["current_step"], file["learned_net"] = [3], [0], np.bytes_(b"a\0")
        file["history/0"] = file["history/1"] = np.ones(2, "f4")
    assert read_solver_state("s.solverstate.h5").iteration == 3
    with h5py.File("s.solverstate.h5", "r+") as file:
        spoil(file)
        if "history" in file and "1" not in file["history"]:
            file.move("history/0", "history/1")
    with pytest.raises(NetError, match=words) as caught:
        read_solver_state("s.solverstate.h5")
    assert "s.solverstate.h5" in caught.value.message


def test_an_hdf5_layer_of_a_huge_claim_takes_no_memory():
    """As another process, whose memory is limited to what the libraries need."""
    with h5py.File("a.h5", "w") as file:
        unwritten(file, "data")
        file["label"] = np.zeros(4, "f4")
    Path("list.txt").write_text("a.h5\n")
    Path("net.prototxt").write_text(
        'layer { name: "d" type: "HDF5Data" top: "data" top: "label"\n'
        'hdf5_data_param { source: "list.txt" batch_size: 2 } }'
    )
    code = (
        "import protonet\n"
        "try:\n"
        "    protonet.batches('net.prototxt', phase='TEST').__enter__()\n"
        "except protonet.NetError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30)),
    )
    assert "net.prototxt:2:19: error: layer 'd' (HDF5Data): line 1 of the list: a.h5" in done.stdout
    assert "claims 2,000,000,000 elements" in done.stdout


def test_a_shape_that_damaged_data_would_tell_is_their_error(tmp_path):
    """Not that the shape is unknown; that is said where the data are on another machine."""
    net = (
        'layer { name: "d" type: "HDF5Data" top: "data" top: "label"\n'
        f'hdf5_data_param {{ source: "{tmp_path}/list.txt" batch_size: 2 }} }}'
    )
    with pytest.raises(NetError, match="the shape of 'data' is not known"):
        protonet.compile(net)
    Path("list.txt").write_text("a.h5\n")
    Path("a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90))
    with pytest.raises(NetError, match=r"line 1 of the list: .*a\.h5 is damaged") as caught:
        protonet.compile(net)
    assert caught.value.span.line == 2
