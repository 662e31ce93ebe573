"""A file is there whole, or as it was before."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from protonet.files import replacing, write_whole


def test_text_and_bytes_arrive_as_they_are(tmp_path):
    write_whole(tmp_path / "a.txt", "größer\r\n")
    write_whole(tmp_path / "b.bin", b"\0\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "größer\r\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\0\r\n"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.bin"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_what_was(tmp_path, kind):
    target = tmp_path / "net.bin"
    target.write_text("old")
    with pytest.raises(kind), replacing(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise kind
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["net.bin"]


def test_the_other_file_keeps_the_suffix_for_writers_that_look_at_it(tmp_path):
    with replacing(tmp_path / "plot.png") as temporary:
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_permissions_and_links_stay(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    before = os.umask(0o027)
    write_whole(tmp_path / "fresh", "")
    os.umask(before)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    target = str(tmp_path / "nowhere" / "net.py")
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(target, "")
    assert caught.value.filename == target
    with pytest.raises(OSError, match="No space left") as caught:  # noqa: SIM117
        with replacing(tmp_path / "full"):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "full")
    with pytest.raises(IsADirectoryError) as caught:
        write_whole(tmp_path, "")
    assert caught.value.filename == str(tmp_path)


def test_other_errors_keep_their_own_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "missing").read_text()
    assert caught.value.filename == str(tmp_path / "missing")


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="a device of POSIX")
def test_a_device_is_written_itself():
    write_whole("/dev/null", "text")
    assert not os.path.isfile("/dev/null")
