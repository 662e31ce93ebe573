"""The LeNet that the README trains first, cut short: it learns, and is tested on all its digits."""

from __future__ import annotations

from pathlib import Path

import protonet

LENET = Path(__file__).parents[2] / "zoo_prototxt" / "lenet"


def test_lenet_learns_from_the_digits_that_ship(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (LENET / "solver.prototxt").read_text()
    text = text.replace('"train_val', f'"{LENET.as_posix()}/train_val')
    text = text.replace("max_iter: 1000", "max_iter: 80").replace("_interval: 250", "_interval: 80")
    Path("solver.prototxt").write_text(text)
    trained = protonet.train("solver.prototxt", log="none")
    means = {score.blob: score.value for score in trained.tests[0]}
    assert means["accuracy"] > 0.85
    assert Path(trained.snapshot).name == "lenet_iter_80.solverstate"
    assert sorted(p.name for p in LENET.parent.glob("data/*/lock.mdb")) == []
