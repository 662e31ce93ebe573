"""Images that claim more than they hold: refused by their first bytes, whatever their kind."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

from protonet import NetError
from protonet.data.datum import decoded
from protonet.data.digits import cifar_records, mnist_records
from protonet.data.image_decode import decode
from protonet.data.image_files import Size, resized
from protonet.data.image_header import claimed_size

KINDS = (".png", ".jpg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tiff", ".jp2", ".pam", ".ras")


def encoded(suffix, height=37, width=53, options=()):
    image = np.random.RandomState(0).randint(0, 255, (height, width, 3)).astype(np.uint8)
    image = image[..., 0] if suffix == ".pgm" else image
    return cv2.imencode(suffix, image, list(options))[1].tobytes()


@pytest.mark.parametrize("suffix", [k for k in KINDS if cv2.haveImageWriter(f"a{k}")])
def test_the_size_that_a_file_states(suffix):
    assert claimed_size(encoded(suffix)) == (37, 53)


@pytest.mark.parametrize(
    "options",
    [(cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)],
)
def test_jpegs_of_several_forms(options):
    assert claimed_size(encoded(".jpg", options=options)) == (37, 53)


def png(height, width, data):
    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def enlarged(suffix):
    """A small image whose header says 32000x32000."""
    data = encoded(suffix, 8, 8)
    spots = {
        ".jpg": (">HH", data.find(b"\xff\xc0") + 5),
        ".bmp": ("<ii", 18),
        ".png": (">II", 16),
        ".gif": ("<HH", 6),
        ".ras": (">II", 4),
    }
    form, at = spots[suffix]
    whole = bytearray(data)
    struct.pack_into(form, whole, at, 32000, 32000)
    return bytes(whole)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".png", ".gif", ".ras"])
def test_a_claim_of_a_gigapixel_is_refused(suffix):
    if not cv2.haveImageWriter(f"a{suffix}"):
        pytest.skip(f"this OpenCV writes no {suffix}")
    data = enlarged(suffix)
    for color in (None, True, False):
        with pytest.raises(ValueError, match=rf"it claims 32000x32000 .* {len(data):,} bytes"):
            decoded(data, color)


def test_ppm_of_a_gigapixel_is_refused():
    with pytest.raises(ValueError, match="it claims 32000x31000"):
        decoded(b"P6\n# a comment\n31000 32000\n255\nabc", None)


def test_a_tightly_packed_image_that_is_real_is_decoded():
    blank = np.full((5000, 6000), 255, np.uint8)
    data = cv2.imencode(".png", blank, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
    assert blank.size / len(data) > 500
    assert (decode(data, None) == blank).all()
    blank = np.full((5000, 6000), 255, np.uint8)
    one_bit = cv2.imencode(".png", blank, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
    assert blank.size / len(one_bit) > 1500
    assert (decode(one_bit, None) == 255).all()
    rows = zlib.compress(b"\0" + b"\7" * 9 + b"\0" + b"\7" * 9)
    assert (decode(png(2, 9, rows), None) == 7).all()


def test_noise_behind_every_mark_is_no_image():
    draw = np.random.RandomState(1)
    marks = (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"BM",
        b"GIF89a",
        b"RIFFaaaaWEBPVP8X",
        b"P5 ",
    )
    marks += (b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51", b"P7\n", b"#?RADIANCE\n")
    for mark in marks:
        for size in (0, 1, 5, 20, 300):
            with pytest.raises(ValueError, match=r"claims|can't decode"):
                decode(mark + draw.bytes(size), None)


def test_no_resize_makes_a_giant():
    with pytest.raises(ValueError, match="it is 1x60000, and would become 30000x1800000000"):
        resized(np.zeros((1, 60000, 3), np.uint8), Size(short_side=30000))


def packed_idx(path, sizes, zeros):
    head = b"".join(n.to_bytes(4, "big") for n in (2051 if len(sizes) == 3 else 2049, *sizes))
    with gzip.open(path, "wb", 1) as file:
        file.write(head)
        for _ in range(zeros >> 20):
            file.write(bytes(1 << 20))


def test_gzipped_digits_are_read_no_further_than_they_state(tmp_path):
    packed_idx(tmp_path / "i.gz", (10, 28, 28), 200 << 20)
    packed_idx(tmp_path / "l.gz", (10,), 0)
    tracemalloc.start()
    with pytest.raises(NetError, match=r"i\.gz has 7857 bytes or more; 10 images take 7856"):
        mnist_records(tmp_path / "i.gz", tmp_path / "l.gz")
    packed_idx(tmp_path / "i.gz", (2**32 - 1,) * 3, 1 << 20)
    with pytest.raises(NetError, match=r"i\.gz has 1048592 bytes; 4294967295 images take"):
        mnist_records(tmp_path / "i.gz", tmp_path / "l.gz")
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


def test_gzip_that_is_cut_off_or_noise(tmp_path):
    path = tmp_path / "b.bin"
    path.write_bytes(gzip.compress(bytes(3073))[:-12])
    with pytest.raises(NetError, match=r"b\.bin is no whole gzip file"):
        cifar_records([path])
    path.write_bytes(b"\x1f\x8b\x08\0" + b"\xff" * 50)
    with pytest.raises(NetError, match=r"b\.bin is no whole gzip file"):
        cifar_records([path])


def test_a_broken_image_is_one_error_and_no_line_of_opencv_s(tmp_path):
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + bytes(20))
    (tmp_path / "list.txt").write_text("a.gif 1\n")
    command = [sys.executable, "-m", "protonet", "data", "images", ".", "list.txt", "-o", "db"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the image a.gif (line 1 of the list) can't be taken: ")
    assert len(done.stderr.splitlines()) == 2


def test_a_chunk_that_claims_half_a_gigabyte_is_refused():
    """OpenCV would fill that memory before it looks; found by fuzzing."""
    data = bytearray(encoded(".png"))
    data[data.index(b"IDAT") - 4] = 0x20
    with pytest.raises(ValueError, match=r"a part of it claims 5\d\d,\d\d\d,\d\d\d bytes more"):
        decode(bytes(data), None)
    assert decode(encoded(".png"), None).shape == (37, 53, 3)
