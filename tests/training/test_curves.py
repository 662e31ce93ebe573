"""Pictures of logs: Caffe's own lines and ours, read and drawn."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import solved

import protonet
from protonet.diagnostics import NetError
from protonet.training.curves import draw, read_log
from protonet.training.log import CaffeLog, JsonLog, Logs

CAFFE = """I0210 13:39:22.381027 25210 solver.cpp:60] Solving LeNet
I0210 13:39:22.381027 25210 solver.cpp:337] Iteration 0, Testing net (#0)
I0210 13:39:25.251 25210 solver.cpp:404]     Test net output #0: accuracy = 0.1176
I0210 13:39:25.251 25210 solver.cpp:404]     Test net output #1: loss = 2.40165 (* 1 = 2.40165 loss)
I0210 13:39:25.3 25210 solver.cpp:218] Iteration 0 (-1 iter/s, 2.9s/100 iters), loss = 2.39488
I0210 13:39:25.3 25210 solver.cpp:237]     Train net output #0: loss = 2.39488 (* 1 = 2.39 loss)
I0210 13:39:25.3 25210 sgd_solver.cpp:105] Iteration 0, lr = 0.01
I0210 13:39:28.3 25210 solver.cpp:218] Iteration 100 (33.1 iter/s, 3s/100 iters), loss = 0.2
I0210 13:39:28.3 25210 solver.cpp:237]     Train net output #0: loss = 1.7e-01 (* 1 = 0.17 loss)
I0210 13:39:28.3 25210 sgd_solver.cpp:105] Iteration 100, lr = 9.92565e-03
I0210 13:39:29.3 25210 solver.cpp:337] Iteration 100, Testing net (#1)
I0210 13:39:29.4 25210 solver.cpp:404]     Test net output #0: accuracy = 0.9
"""


def test_caffes_own_log(tmp_path):
    path = tmp_path / "caffe.log"
    path.write_text(CAFFE)
    curves = read_log(path)
    assert curves.losses == {
        "test loss": [(0, 2.40165)],
        "training loss": [(0, 2.39488), (100, 0.2)],
        "train loss": [(0, 2.39488), (100, 0.17)],
    }
    assert curves.others == {"test accuracy": [(0, 0.1176)], "test 1 accuracy": [(100, 0.9)]}
    assert curves.rate == [(0, 0.01), (100, 0.00992565)]


def test_both_of_our_logs_give_the_same_curves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solved.write(tmp_path, "max_iter: 6\ndisplay: 2\ntest_iter: 4\ntest_interval: 3\n")
    streams = [io.StringIO(), io.StringIO()]
    protonet.train("solver.prototxt", log=Logs([CaffeLog(streams[0]), JsonLog(streams[1])]))
    Path("a.log").write_text(streams[0].getvalue())
    Path("b.log").write_text(streams[1].getvalue())
    one, two = read_log("a.log"), read_log("b.log")
    assert one.losses.keys() == two.losses.keys() == {"training loss", "train loss", "test loss"}
    for name, curve in (one.losses | one.others | {"lr": one.rate}).items():
        other = (two.losses | two.others | {"lr": two.rate})[name]
        np.testing.assert_allclose(curve, other, rtol=1e-5)


@pytest.mark.parametrize(
    ("suffix", "starts"),
    [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("JPG", b"\xff\xd8")],
)
def test_pictures(tmp_path, suffix, starts):
    (tmp_path / "caffe.log").write_text(CAFFE)
    curves = read_log(tmp_path / "caffe.log")
    draw({"caffe": curves, "again": curves}, tmp_path / f"loss.{suffix}")
    assert (tmp_path / f"loss.{suffix}").read_bytes().startswith(starts)


def test_what_is_no_log(tmp_path):
    (tmp_path / "net.prototxt").write_text("name: 'x'\n")
    with pytest.raises(NetError, match="no line of a training log"):
        read_log(tmp_path / "net.prototxt")
    with pytest.raises(NetError, match="no such file"):
        read_log(tmp_path / "none.log")
    (tmp_path / "caffe.log").write_text(CAFFE)
    with pytest.raises(NetError, match=r"under the suffix '\.xyz'") as raised:
        draw({"a": read_log(tmp_path / "caffe.log")}, tmp_path / "loss.xyz")
    assert raised.value.hint == "the suffixes are .png, .svg, .pdf, .jpg"
    assert not (tmp_path / "loss.xyz").exists()


def test_lines_that_are_damaged_are_passed_over(tmp_path):
    (tmp_path / "a.log").write_text(
        '{"event": "rate", "iteration": 0, "lr": 0.1}\n{"event": "train"}\n[1]\n'
        '{"event": "rate", "iteration": "x", "lr": 1}\n{"event": "rate", "lr": [1]}\n'
        '{"event": "test", "outputs": 3}\n' + "[" * 100_000 + "\n"
    )
    assert read_log(tmp_path / "a.log").rate == [(0, 0.1)]
    digits = "9" * 5000
    (tmp_path / "b.log").write_text(
        f"Iteration {digits}, loss = 1.2.3\nIteration 7, loss = ..\nIteration 8, loss = 0.25\n"
    )
    assert read_log(tmp_path / "b.log").losses["training loss"][-1] == (8, 0.25)
