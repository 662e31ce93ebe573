"""A file is there whole, or as it was before."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from protonet.files import remove_leftovers, replacing, write_whole


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


def test_a_folder_that_takes_no_file_is_named_with_the_file(tmp_path, monkeypatch):
    """As a file system mounted to be read only, where taking away what is not there fails, too."""

    def refuse(*_args, **_options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "somewhere")

    target = str(tmp_path / "x.py")
    monkeypatch.setattr(os, "open", lambda path, *_more: refuse_open(path))
    monkeypatch.setattr("pathlib.Path.unlink", refuse)

    def refuse_open(path):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with pytest.raises(OSError, match="Read-only") as caught:
        write_whole(target, "")
    assert caught.value.filename == target


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = [".net_iter_5.0a1b2c3d.caffemodel", ".net_iter_7.solverstate.0a1b2c3d.h5"]
    kept = [".net_iter_5.0a1b2c3.caffemodel", ".other_iter_5.0a1b2c3d.caffemodel", "net_iter_5.x"]
    fresh = ".net_iter_9.ffffffff.json"
    for name in (*left, *kept, fresh):
        (tmp_path / name).touch()
    for name in (*left, *kept):
        os.utime(tmp_path / name, (1000, 1000))
    remove_leftovers(tmp_path, r"net_iter_\d+[.\w]*", 2000)
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, fresh])
    remove_leftovers(tmp_path / "nowhere", "net", 2000)
