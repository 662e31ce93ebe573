"""FlowNet's writers and the masks of Kinpzz's fork: bytes by their formats, names by the forks'."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import solved

import protonet
from protonet.data.flow_files import FlowWriter, flo_bytes, float_bytes, image_bytes, pfm_bytes
from protonet.data.mask_files import BinaryPngWriter, SaliencyWriter
from protonet.diagnostics import NetError
from protonet.schema.pool import message


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def numbers(*shape, seed=0):
    return np.random.RandomState(seed).normal(0, 200, shape).astype(np.float32)


def test_a_flow_is_middleburys():
    flow = numbers(2, 3, 5)
    data = flo_bytes(flow)
    assert struct.unpack_from("<f2i", data) == (np.float32(202021.25), 5, 3)
    Path("x.flo").write_bytes(data)
    np.testing.assert_array_equal(cv2.readOpticalFlow("x.flo").transpose(2, 0, 1), flow)


def test_floats_go_as_they_lie():
    blob = numbers(4, 3, 5)
    head, data = float_bytes(blob).split(b"4\n", 1)
    assert head == b"float\n3\n5\n3\n"
    np.testing.assert_array_equal(np.frombuffer(data, "<f4").reshape(4, 3, 5), blob)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_pfm_has_the_sign_turned(channels):
    blob = numbers(channels, 3, 5)
    Path("x.pfm").write_bytes(pfm_bytes(blob))
    found = cv2.imread("x.pfm", cv2.IMREAD_UNCHANGED)
    found = found[..., None] if channels == 1 else found[..., ::-1]  # OpenCV takes it for RGB
    np.testing.assert_array_equal(found.transpose(2, 0, 1), -blob)


def test_an_image_in_colours_is_cut_off():
    blob = numbers(3, 4, 5)
    Path("x.ppm").write_bytes(image_bytes(blob, False, 0.5))
    wanted = np.clip(blob * np.float32(0.5), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(cv2.imread("x.ppm").transpose(2, 0, 1), wanted)


def test_a_gray_image_goes_round():
    blob = numbers(1, 4, 5) * 3
    blob[0, 0, :3] = np.nan, np.inf, 3e9
    data = image_bytes(blob, False, 1.0)
    assert data.startswith(b"P5\n5 4 \n255\n")
    wanted = [int(v) % 256 for v in blob.ravel()[3:].tolist()]
    assert list(data[-20:]) == [0, 0, 0, *wanted]


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_spread_over_all_bytes(channels):
    blob = numbers(channels, 4, 5)
    Path("x.pgm").write_bytes(image_bytes(blob, True, 7))
    found = cv2.imread("x.pgm", cv2.IMREAD_UNCHANGED).reshape(4, 5, channels).transpose(2, 0, 1)
    low, high = blob.min(), blob.max()
    wanted = np.array([int(np.float32(255) * (v - low) / (high - low)) for v in blob.ravel()])
    np.testing.assert_array_equal(found, wanted.reshape(blob.shape))
    flat = image_bytes(np.full((channels, 1, 2), 3, np.float32), True, 1)
    assert flat.endswith(b"255\n" + bytes(2 * channels))


def writer(kind, **fields):
    parameter = message("WriterParameter")
    for field, value in fields.items():
        setattr(parameter, field, value)
    return FlowWriter(kind, parameter)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_names_of_passes_and_items():
    out = writer("FLOWriter", folder="a/b", prefix="p-", suffix="_s")
    out.add(numbers(1, 2, 3, 4))
    out.add(numbers(2, 2, 3, 4))
    wanted = ["p-0000000_s.flo", "p-0000001(000)_s.flo", "p-0000001(001)_s.flo"]
    assert names("a/b") == wanted
    second = Path("a/b/p-0000001(001)_s.flo").read_bytes()
    assert second == flo_bytes(numbers(2, 2, 3, 4)[1])
    images = writer("ImgWriter", folder="c", scale=1)
    images.add(numbers(1, 1, 2, 2))
    images.add(numbers(1, 3, 2, 2))
    assert names("c") == ["0000000.pgm", "0000001.ppm"]
    writer("PFMWriter", folder="d").add(numbers(1, 1, 2, 2))
    writer("FloatWriter", folder="d").add(numbers(1, 5, 2, 2))
    assert names("d") == ["0000000.float3", "0000000.pfm"]


def test_one_file_has_the_last_item():
    writer("FLOWriter", folder="a", file="x/one").add(numbers(3, 2, 4, 4))
    assert Path("x/one").read_bytes() == flo_bytes(numbers(3, 2, 4, 4)[2])
    assert names(".") == ["x"]
    with pytest.raises(NetError, match="FLOWriter has neither a folder nor a file"):
        writer("FLOWriter", prefix="p")


def test_masks_of_binary_png_write():
    Path("list.txt").write_text("one.jpg\ntwo.jpg\nthree.jpg\n")
    out = BinaryPngWriter("m/", "list.txt", 4, 2)
    passes = [numbers(1, 3, 4, 5, seed=s) for s in range(3)]
    for blob in passes:
        out.add(blob)
    assert names("m") == ["one_mask.png", "three_mask.png"]
    found = cv2.imread("m/three_mask.png", cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(found, 255 * (passes[2][0, 1] > passes[2][0, 0]))
    out.add(passes[0])
    with pytest.raises(NetError, match="BinaryPngWrite has 3 names, and this is pass 5"):
        out.add(passes[0])


LAYERS = """
layer { name: "map" type: "Reshape" bottom: "ip2" top: "map" %(phase)s
  reshape_param { shape { dim: 1 dim: 2 dim: 3 dim: -1 } } }
layer { name: "w" type: "%(kind)s" bottom: "map" %(phase)s %(param)s }
"""
SOLVER = "max_iter: 5\ntest_iter: 2\ntest_interval: 5\ntest_initialization: false\n"


def trained(kind, param, phase="include { phase: TEST }"):
    solved.write(Path(), SOLVER)
    with Path("net.prototxt").open("a") as net:
        net.write(LAYERS % {"kind": kind, "param": param, "phase": phase})
    return protonet.train("solver.prototxt", log="none")


def test_a_test_net_writes_flows():
    trained("FLOWriter", 'writer_param { folder: "flows" }')
    assert names("flows") == ["0000000.flo", "0000001.flo"]
    assert cv2.readOpticalFlow("flows/0000001.flo").shape[0] == 3


def test_a_training_net_shows_how_it_does():
    param = 'visual_saliency_param { save_dir: "seen" visual_interval: 2 }'
    trained("VisualSaliency", param, "")
    assert names("seen") == ["0_0_w.jpg", "1_0_w.jpg", "2_0_w.jpg"]  # its own, and of the test net
    assert cv2.imread("seen/0_0_w.jpg", cv2.IMREAD_UNCHANGED).shape[0] == 3


def test_no_other_writer_goes_into_a_training_net():
    with pytest.raises(NetError, match=r"\(FLOWriter\): a training net writes no file"):
        trained("FLOWriter", 'writer_param { folder: "x" }', "include { phase: TRAIN }")


def test_a_writer_that_cannot_write_names_its_layer():
    with pytest.raises(NetError, match=r"layer 'w' \(FLOWriter\): FLOWriter has neither") as caught:
        trained("FLOWriter", "writer_param { }")
    assert caught.value.span


def test_saliency_takes_the_items_that_are_asked_for():
    out = SaliencyWriter("s", "conv", 2, 1)
    out.add(np.array([[[[0.0]], [[1.0]]], [[[1.0]], [[0.0]]]]))
    assert [cv2.imread(f"s/0_{k}_conv.jpg", 0).item() for k in (0, 1)] == [255, 0]
