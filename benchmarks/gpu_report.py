"""What a run on a GPU tells: lines as they come, and a page of Markdown that is always whole."""

from __future__ import annotations

import contextlib
import platform
import signal
import statistics
import time
import traceback
from pathlib import Path

import torch

HEAD = ("| net | task | mode | protonet, ms | by hand, ms | ratio |", "|---|---|---|---|---|---|")


class OutOfTimeError(Exception):
    """A section's time is over."""


class Report:
    """The lines of the page, written anew after each."""

    def __init__(self, path):
        self.path = Path(path) if path else None
        self.lines = []
        self.failed = []
        self.start = time.monotonic()
        self.end = float("inf")

    def say(self, text):
        print(f"[{time.monotonic() - self.start:5.0f} s] {text}", flush=True)

    def add(self, *lines):
        for line in lines:
            self.lines.append(line)
            self.say(line)
        if self.path:
            self.path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")

    def left(self):
        return self.end - time.monotonic()

    @contextlib.contextmanager
    def section(self, title, seconds):
        """A part of the page: it fails alone, and ends when its time is over."""
        self.add("", f"## {title}", "")
        start = time.monotonic()
        self.end = start + seconds
        before = signal.signal(signal.SIGALRM, _over)
        signal.setitimer(signal.ITIMER_REAL, seconds + 15)  # where a case itself takes too long
        try:
            yield
        except OutOfTimeError:
            self.add("", f"Stopped after {seconds:.0f} s; what is missing was not measured.")
        except Exception as error:  # noqa: BLE001 (the other sections still run)
            self.failure(title, error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            self.add("", f"({time.monotonic() - start:.0f} s)")

    def failure(self, what, error):
        self.failed.append(what)
        print(traceback.format_exc(), flush=True)
        words = str(error).strip().partition("\n")[0][:200].replace("|", "/")
        self.add(f"\nFAILED: {what}: {type(error).__name__}: {words}\n")

    def row(self, net, task, mode, ours, theirs, ratio):
        self.add(f"| {net} | {task} | {mode} | {ours} | {theirs} | {ratio} |")

    def cases(self, cases):
        """Run each (net, task, mode title, work) and add the row that it gives."""
        self.add(*HEAD)
        for net, task, mode, work in cases:
            if self.left() <= 0:
                self.row(net, task, mode, "", "", "not measured: out of time")
                continue
            try:
                self.row(net, task, mode, *work())
            except OutOfTimeError:
                self.row(net, task, mode, "", "", "not measured: took too long")
                self.end = 0.0
            except Exception as error:  # noqa: BLE001 (the other cases still run)
                self.failed.append(f"{net}, {task}, {mode}")
                print(traceback.format_exc(), flush=True)
                words = str(error).strip().partition("\n")[0][:120].replace("|", "/")
                self.row(net, task, mode, "", "", f"FAILED: {type(error).__name__}: {words}")


def _over(*_):
    raise OutOfTimeError


def machine(device):
    """The card, the versions, what is here."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    if device != "cuda":
        model = platform.processor() or platform.machine()
        return f"NO GPU: a trial of the script on {model}. {versions}."
    card = torch.cuda.get_device_properties(0)
    versions += f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return (
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB, capability {card.major}.{card.minor}, "
        f"{torch.get_num_threads()} CPU threads. {versions}."
    )


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measured(ours, theirs, device, seconds):
    """Milliseconds a call of both, as median (minimum), and the median ratio of the rounds.

    They run in turn in one process, several calls between two waits for the GPU, so that noise
    hits both alike.
    """
    for once in (ours, theirs):
        for _ in range(2):
            once()
    wait(device)
    count = max(1, round(seconds / 40 / max(timed(ours, 1, device), timed(theirs, 1, device))))
    pairs = []
    end = time.monotonic() + seconds
    while len(pairs) < 5 or (time.monotonic() < end and len(pairs) < 40):
        first, second = (ours, theirs) if len(pairs) % 2 else (theirs, ours)
        one, other = timed(first, count, device), timed(second, count, device)
        pairs.append((one, other) if first is ours else (other, one))
        if len(pairs) >= 2 and time.monotonic() > end + 2 * seconds:
            break
    ratio = statistics.median(a / b for a, b in pairs)
    return shown([a for a, _ in pairs]), shown([b for _, b in pairs]), f"{ratio:.3f}"


def timed(once, count, device):
    wait(device)
    start = time.perf_counter()
    for _ in range(count):
        once()
    wait(device)
    return (time.perf_counter() - start) / count


def shown(samples):
    return f"{statistics.median(samples) * 1000:.3f} ({min(samples) * 1000:.3f})"
