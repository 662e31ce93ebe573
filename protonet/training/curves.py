"""The numbers of a training log, Caffe's own or ours, and a picture of them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from protonet.diagnostics import NetError
from protonet.files import replacing
from protonet.reading import reading, taking

_NUMBER = r"([-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf))"
_ITERATION = re.compile(r"Iteration (\d{1,18})")
_LOSS = re.compile(rf"Iteration \d+.*, loss = {_NUMBER}")
_RATE = re.compile(rf"\blr = {_NUMBER}")
_OUTPUT = re.compile(rf"(Train|Test) net output #\d+: (\S+) = {_NUMBER}( \(\*)?")
_NET = re.compile(r"Testing net \(#(\d+)\)")

FORMATS = (".png", ".svg", ".pdf", ".jpg")
Curve = list[tuple[int, float]]


@dataclass
class Curves:
    """Curves of a log, (iteration, value) each: of losses, of other outputs, of the rate."""

    losses: dict[str, Curve] = field(default_factory=dict)
    others: dict[str, Curve] = field(default_factory=dict)
    rate: Curve = field(default_factory=list)

    def add(self, name: str, iteration: int, value: float, is_loss: bool) -> None:
        """One more point of a curve."""
        home = self.losses if is_loss else self.others
        home.setdefault(name, []).append((iteration, value))


def read_log(path: str | os.PathLike[str]) -> Curves:
    """The curves of a log: glog lines of Caffe or of ``--log caffe``, or lines of ``--log json``.

    NetError where the file can't be read or holds no point.
    """
    with reading(path), open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    curves = Curves()
    is_json = next((line for line in lines if line.strip()), "").startswith("{")
    if is_json:
        _read_json(lines, curves)
    else:
        _read_caffe(lines, curves)
    if not (curves.losses or curves.others or curves.rate):
        hint = "it takes what `protonet train` or `caffe train` wrote to stderr"
        raise NetError(f"{os.fspath(path)} holds no line of a training log", None, hint)
    return curves


def _read_caffe(lines: Sequence[str], curves: Curves) -> None:
    iteration, net = 0, "0"
    for line in lines:
        found = _ITERATION.search(line)
        iteration = int(found[1]) if found else iteration
        tested = _NET.search(line)
        net = tested[1] if tested else net
        loss, rate, output = _LOSS.search(line), _RATE.search(line), _OUTPUT.search(line)
        if loss:
            curves.add("training loss", iteration, float(loss[1]), is_loss=True)
        if rate:
            curves.rate.append((iteration, float(rate[1])))
        if output:
            which = output[1].lower() if net == "0" else f"{output[1].lower()} {net}"
            which = "train" if output[1] == "Train" else which
            curves.add(f"{which} {output[2]}", iteration, float(output[3]), bool(output[4]))


def _read_json(lines: Sequence[str], curves: Curves) -> None:
    for line in lines:
        with suppress(ValueError), taking("it is no line of a log"):
            _read_event(json.loads(line), curves)


def _read_event(event: dict[str, Any], curves: Curves) -> None:
    iteration = int(event.get("iteration", 0))
    if event.get("event") == "rate":
        curves.rate.append((iteration, float(event["lr"])))
    if event.get("event") == "train":
        curves.add("training loss", iteration, float(event["loss"]), is_loss=True)
    if event.get("event") in ("train", "test"):
        number = f" {event['net']}" if event.get("net") else ""
        for name, value in event["outputs"].items():
            is_loss = name in event.get("losses", ())
            curves.add(f"{event['event']}{number} {name}", iteration, float(value), is_loss)


def draw(logs: Mapping[str, Curves], path: str | os.PathLike[str]) -> None:
    """Draw losses, other outputs and the rate over iterations; the suffix tells the format.

    NetError where matplotlib is missing or the suffix is none of FORMATS.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt
    except ImportError:
        hint = 'pip install "protonet[plot]"'
        raise NetError("plot needs the package matplotlib", None, hint) from None
    panels = [
        (title, curves)
        for title, curves in (
            ("loss", {name: log.losses for name, log in logs.items()}),
            ("accuracy and other outputs", {name: log.others for name, log in logs.items()}),
            ("learning rate", {n: {"lr": log.rate} for n, log in logs.items() if log.rate}),
        )
        if any(curves.values())
    ]
    figure, axes = plt.subplots(
        len(panels), 1, sharex=True, squeeze=False, figsize=(8, 1 + 2.6 * len(panels))
    )
    for (title, curves), axis in zip(panels, axes[:, 0], strict=True):
        _panel(axis, title, curves, many=len(logs) > 1)
    axes[-1, 0].set_xlabel("iteration")
    figure.tight_layout()
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, dpi=120, format=_format(path))
    finally:
        plt.close(figure)


def _format(path: str | os.PathLike[str]) -> str:
    """The format that a path's suffix names, PNG without one. NetError where it is unknown."""
    suffix = os.path.splitext(os.fspath(path))[1]
    if suffix and suffix.lower() not in FORMATS:
        what = f"{os.fspath(path)}: no picture is drawn under the suffix {suffix!r}"
        raise NetError(what, None, f"the suffixes are {', '.join(FORMATS)}")
    return suffix.lower().lstrip(".") or "png"


def _panel(axis: Any, title: str, logs: Mapping[str, dict[str, Curve]], many: bool) -> None:
    for log, curves in logs.items():
        whole = set(curves.get("training loss", ()))
        for name, curve in sorted(curves.items(), reverse=True):
            if name.startswith("train ") and whole.issuperset(curve):
                continue  # a net's only loss, unsmoothed, is the training loss itself
            label = f"{log}: {name}" if many else name
            tested = name.startswith("test")
            style = {"marker": "o", "markersize": 4} if tested else {"alpha": 0.75}
            axis.plot(*zip(*curve, strict=True), label=label, linewidth=1.4, **style)
    axis.set_ylabel(title)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
