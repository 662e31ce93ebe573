"""Measure and write RESULTS.md: all of it, or the parts named, as in run.py alexnet lenet."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE)]

import alexnet_step  # noqa: E402
import corpus  # noqa: E402
import drawing  # noqa: E402
import google.protobuf  # noqa: E402
import handwritten  # noqa: E402
import layers  # noqa: E402
import reading  # noqa: E402
import torch  # noqa: E402
import training  # noqa: E402
import weights  # noqa: E402
from google.protobuf import text_format  # noqa: E402

import protonet  # noqa: E402
from protonet.diagnostics import Source  # noqa: E402
from protonet.schema.bind import bind  # noqa: E402
from protonet.schema.pool import message  # noqa: E402
from protonet.text.parse import parse  # noqa: E402
from protonet.training.memory import keep_memory  # noqa: E402
from protonet.zoo.catalogue import deploy  # noqa: E402

ZOO = ROOT / "zoo_prototxt"
_SAMPLE = 0.01  # seconds: a layer that takes less is run several times, as training runs it


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours: Callable[[], object], theirs: Callable[[], object], rounds: int):
    """Medians of both and of their ratio, run in turn, so that noise hits both alike."""
    ours(), theirs()
    pairs = []
    for number in range(rounds):
        if number % 2:
            b = seconds(theirs)
            a = seconds(ours)
        else:
            a = seconds(ours)
            b = seconds(theirs)
        pairs.append((a, b))
    median = statistics.median
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def check_alexnet():
    net = str(ZOO / "alexnet" / "deploy.prototxt")
    command = [sys.executable, "-m", "protonet", "check", net]
    took = [seconds(lambda: subprocess.run(command, check=True, capture_output=True))]
    took = [
        seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(9)
    ]
    yield "`check` of AlexNet, start-up included", f"{statistics.median(took):.2f} s", "< 0.4 s"


def read_a_large_net():
    text = deploy("resnet1202_cifar")

    def ours():
        return bind(parse(Source("net", text)), "NetParameter")

    def theirs():
        return text_format.Parse(text, message("NetParameter"))

    assert ours()[0] == theirs()
    a, b, ratio = paired(ours, theirs, 15)
    size = f"{len(text) // 1000} kB, {text.count('layer {'):,} layers"
    yield (
        f"parse + bind of ResNet-1202 ({size}) against text_format.Parse",
        f"{ratio:.2f} × ({a * 1000:.0f} ms, {b * 1000:.0f} ms)",
        "≤ 1.5 ×",
    )
    took = statistics.median(seconds(lambda: protonet.compile(text)) for _ in range(3))
    yield "prototxt to module of that net", f"{took:.1f} s", "< 4 s"


def forward_passes():
    cases = (("alexnet", handwritten.AlexNet, 227), ("googlenet", handwritten.GoogLeNet, 224))
    for name, cls, size in (*cases, ("resnet50", handwritten.ResNet50, 224)):
        net, other = protonet.compile(ZOO / name / "deploy.prototxt"), cls().eval()
        same = sum(p.numel() for p in net.parameters())
        assert same == sum(p.numel() for p in other.parameters())
        x = torch.rand(4, 3, size, size)
        with torch.no_grad():
            a, b, ratio = paired(lambda net=net, x=x: net(x), lambda o=other, x=x: o(x), 31)
        yield (
            f"forward of {cls.__name__}, batch 4, against the hand-written module",
            f"{ratio:.3f} × ({a * 1000:.0f} ms, {b * 1000:.0f} ms)",
            "≤ 1.02 ×",
        )


def lenet():
    yield from training.lenet(paired)


def every_layer():
    keep_memory()  # as training does; without it some runs get fresh pages at each step
    for tried in layers.CASES:
        net = protonet.compile(layers.prototxt(tried), phase=tried.phase, faithful=True)
        xs = layers.inputs(tried)  # one for both: where it lies in memory makes a difference
        count = max(1, round(_SAMPLE / seconds(lambda xs=xs, net=net: layers.step(net, xs))))
        a, b, ratio = paired(
            lambda net=net, xs=xs, n=count: [layers.step(net, xs) for _ in range(n)],
            lambda f=tried.plain, xs=xs, n=count: [layers.step(f, xs) for _ in range(n)],
            61,
        )
        a, b = a / count, b / count
        fields = f" `{tried.fields}`" if tried.fields else ""
        title = f"{tried.title}, training" if tried.phase == "TRAIN" else tried.title
        yield (
            f"{title}{fields}",
            f"{ratio:.2f} × ({a * 1000:.2f} ms, {b * 1000:.2f} ms)",
            "≤ 0.67 ×" if "local_size: 5 }" in tried.fields else "≤ 1.1 ×",
        )


def machine() -> str:
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    versions += f", protobuf {google.protobuf.__version__}"
    return f"{model}, {torch.get_num_threads()} threads, no GPU. {versions}."


def alexnet():
    a, b, ratio = alexnet_step.measure()
    yield (
        "a training step of AlexNet, batch 10, against the hand-written loop",
        f"{ratio:.2f} × ({a * 1000:.0f} ms, {b * 1000:.0f} ms)",
        "≤ 0.67 ×",
    )


LAYERS = (
    "Each layer against the plainest PyTorch, forward and backward; where nothing is said, of\n"
    "images of 8x64x56x56, and of AlexNet's 256 rows of 1,000 classes:"
)
# Each part under its title, those of one table one after another.
PARTS = {
    check_alexnet: "",
    read_a_large_net: "",
    forward_passes: "",
    lenet: "",
    alexnet: "",
    reading.reading: "",
    reading.waiting: "",
    drawing.rows: drawing.TITLE,
    every_layer: LAYERS,
    weights.rows: weights.TITLE,
}


def rows(part):
    for what, measured, bar in part():
        row = f"| {what} | {measured} | {bar} |"
        print(row, flush=True)
        yield row


def measured_anew() -> list[str]:
    """The lines of RESULTS.md, all but the corpus."""
    lines = ["# Results", "", f"`python benchmarks/run.py` on {machine()}"]
    lines += ["Ratios are medians of pairs run in turn."]
    last = None
    for part, title in PARTS.items():
        if title != last:
            lines += ["", *([title, ""] if title else [])]
            lines += ["| what | measured | bar |", "|---|---|---|"]
            last = title
        lines += rows(part)
    return lines


def replaced(lines: list[str], part) -> list[str]:
    """The lines with one part's rows in the place of older ones, or behind the first table."""
    for row in rows(part):
        start = row[: row.index(" |", 2) + 2]
        at = next((i for i, line in enumerate(lines) if line.startswith(start)), None)
        if at is None:
            first = next(i for i, line in enumerate(lines) if line.startswith("|---"))
            at = next(i for i in range(first, len(lines)) if not lines[i].startswith("|"))
            lines.insert(at, row)
        lines[at] = row
    return lines


def main() -> None:
    path = HERE / "RESULTS.md"
    before, mark, table = path.read_text(encoding="utf-8").partition(corpus.MARK)
    if sys.argv[1:]:
        named = {part.__name__.replace("rows", part.__module__): part for part in PARTS}
        lines = before.rstrip().split("\n")
        for name in sys.argv[1:]:
            lines = replaced(lines, named[name])
    else:
        lines = measured_anew()
    kept = f"\n\n{mark}{table}" if mark else "\n"
    path.write_text("\n".join(lines) + kept, encoding="utf-8")


if __name__ == "__main__":
    main()
