"""The one place through which the exceptions of foreign readers pass."""

from __future__ import annotations

import errno
import os

import pytest

from protonet.diagnostics import NetError
from protonet.reading import reading, reason, taking


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("a name"), "a name"),
        (ValueError("two\n lines\t"), "two lines"),
        (RuntimeError(), "RuntimeError"),
        (OSError(errno.EACCES, "whatever", "a"), "permission denied"),
        (OSError("no number"), "no number"),
        (TypeError(b"bytes \xff"), "bytes \ufffd"),
        (ValueError("x" * 1000), "x" * 200),
    ],
)
def test_reasons_are_one_line_of_words(error, words):
    assert reason(error) == words


def raised(error, *how, **more):
    with pytest.raises(NetError) as caught, reading("a.bin", *how, **more):
        raise error
    return caught.value.message, caught.value.hint


def test_every_exception_becomes_one_that_names_the_file():
    again = "copy or make it again"
    assert raised(ValueError("why")) == ("a.bin is damaged: why", again)
    assert raised(RecursionError("deep")) == ("a.bin is damaged: deep", again)
    assert raised(KeyError("x"), "has no row 3", None) == ("a.bin has no row 3: x", None)
    missing = OSError(errno.ENOENT, "?")
    assert raised(missing) == (f"a.bin can't be read: {os.strerror(errno.ENOENT).lower()}", None)
    assert raised(OSError("/tmp/x/1 bad"), alias="/tmp/x")[0] == "a.bin is damaged: a.bin/1 bad"


@pytest.mark.parametrize("kind", [NetError("ours"), MemoryError(), KeyboardInterrupt()])
def test_what_is_no_reader_s_goes_through(kind):
    with pytest.raises(type(kind)) as caught, reading("a.bin"):
        raise kind
    assert caught.value is kind


def test_bytes_whose_place_the_caller_knows():
    with pytest.raises(ValueError, match=r"^it is no record$"), taking("it is no record"):
        raise OverflowError("inner")
