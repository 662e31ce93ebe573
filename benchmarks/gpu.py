"""protonet on a GPU: its tests there, then its nets against hand-written PyTorch.

    python benchmarks/gpu.py --out gpu.md

Less than eight minutes: ``--seconds`` is what inference and training take at most, the tests take
half as much again and the loops half; ``--only`` chooses sections. ``--device cpu --quick`` tries
the script where there is no GPU.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT)]

import gpu_loops  # noqa: E402
import gpu_nets as nets  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from gpu_report import Report, machine, measured  # noqa: E402

import protonet  # noqa: E402

SECTIONS = ("tests", "inference", "training", "loops")
TRAINED = {"alexnet": 256, "googlenet": 32, "resnet50": 32}


def run_tests(report, device, quick, seconds):
    """tests/device in processes of its own; the log goes beside the page."""
    if importlib.util.find_spec("pytest") is None:
        report.add("NOT RUN: there is no pytest here.")
        return
    command = [sys.executable, "-m", "pytest", "tests/device", "-o", "addopts=", "-v", "-rfEs"]
    command += ["-p", "no:cacheprovider", "-W", "default", "--tb=short"]
    if importlib.util.find_spec("xdist"):
        command += ["-n", "2" if quick else str(min(6, os.cpu_count() or 1))]
    if quick:
        command += ["-k", "not compiled and (ReLU or conv_ or sgd_fixed or waits or resumed)"]
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    stated = {**os.environ, "PYTHONPATH": path, "PROTONET_TEST_DEVICE": device}
    stated["OMP_NUM_THREADS"] = "2"
    log = Path(f"{report.path or Path(tempfile.gettempdir()) / 'gpu'}.tests.log")
    with log.open("w", encoding="utf-8") as file:
        running = subprocess.Popen(
            command, cwd=ROOT, env=stated, stdout=file, stderr=file, start_new_session=True
        )
        try:
            running.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)  # its workers, too
            running.wait()
            report.add(f"Stopped after {seconds:.0f} s, before all had run.")
            report.failed.append("tests: out of time")
    tell_tests(report, log.read_text(encoding="utf-8", errors="replace"), running.returncode)


def tell_tests(report, text, code):
    """How many passed, what failed, what was left out and why."""
    counts = {word: len(re.findall(rf" {word}\b", text)) for word in ("PASSED", "FAILED", "ERROR")}
    report.add(f"{counts['PASSED']} passed on the way; the exit code is {code}.")
    for line in text.splitlines():
        if re.match(r"(FAILED|ERROR|SKIPPED) ", line) or re.match(r"=+ .* in [\d.]+s", line):
            report.add(f"- {line[:220]}")
    if code:
        report.failed.append(f"tests: exit code {code}")
        print(text[text.find("= FAILURES =") :][:5000] if "= FAILURES =" in text else text[-3000:])


def comparison(calls, mode, device, seconds, close):
    """The cells of one case, the numbers of both compared first."""
    ours, theirs = calls
    difference = apart(ours, theirs, mode, close)
    cells = list(measured(ours, theirs, device, seconds))
    cells[2] += difference
    return cells


def apart(ours, theirs, mode, close):
    """Nothing where both give the same numbers; else how far they are from each other."""
    torch.manual_seed(5)
    one = ours().float().clone()
    torch.manual_seed(5)
    other = theirs().float().clone()
    far = float((one - other).abs().max() / other.abs().max())
    limit = 0.05 if mode.bf16 else close
    return "" if far <= limit else f" DIFFERENT NUMBERS: {far:.2g} apart"


def inference_case(pair, mode, batch, device, seconds):
    both = [pair.ours, pair.theirs]
    autocast = mode.enter(both, device)
    size = nets.SIZES[pair.name]
    draw = torch.Generator().manual_seed(3)
    x = mode.laid_out(torch.rand(batch, 3, size, size, generator=draw).to(device))
    if mode.compiled:
        both = [torch.compile(net, backend=BACKEND) for net in both]
    calls = [nets.forward(net, x, autocast) for net in both]
    if mode.graph:
        if device != "cuda":
            return "", "", "not run: CUDA alone has graphs"
        calls = [nets.graphed(call) for call in calls]
    return comparison(calls, mode, device, seconds, 1e-3)


def inference(report, device, quick):
    each = 0.2 if quick else 0.8
    report.cases(lrn_cases(device, each))
    report.add("")
    pairs = {}

    def case(name, mode, batch):
        pair = pairs.get(name) or pairs.setdefault(name, nets.deployed(name, device))
        return inference_case(pair, mode, batch, device, each)

    batches, chosen = ((1, 2), ("alexnet",)) if quick else ((1, 32), tuple(nets.SIZES))
    plain = (nets.FP32, nets.LAST) if quick else (nets.FP32, nets.TF32, nets.BF16, nets.LAST)
    modes = [(m, b) for m in plain for b in batches]
    modes += [(m, batches[0]) for m in (nets.GRAPH, nets.GRAPH16)]
    modes += [(nets.COMPILED, batches[1])]
    report.cases(
        (nets.TITLES[name], f"inference, batch {b}", m.title, functools.partial(case, name, m, b))
        for m, b in modes
        for name in chosen
    )


def lrn_cases(device, seconds):
    """The one layer whose arithmetic is our own, alone."""
    nets.FP32.enter([], device)
    shape = (32, 96, 55, 55)
    x = torch.randn(shape, device=device, requires_grad=True)
    text = 'input: "x" layer { name: "l" type: "LRN" bottom: "x" top: "y" lrn_param {} }'

    def forward(layer):
        with torch.no_grad():
            layer(x)

    def both(layer):
        x.grad = None
        layer(x).sum().backward()

    for task, phase, run in (
        ("forward", "TEST", forward),
        ("forward and backward", "TRAIN", both),
    ):
        own = protonet.compile(text, phase=phase, outputs=["y"], shapes={"x": shape})
        ours = functools.partial(run, lambda x, own=own: own(x)["y"])
        theirs = functools.partial(run, functools.partial(F.local_response_norm, size=5))
        work = functools.partial(measured, ours, theirs, device, seconds)
        yield "LRN of 32x96x55x55", task, "fp32", work


def training_case(pair, batch, mode, device, seconds):
    autocast = mode.enter([pair.ours, pair.theirs], device)
    size = nets.SIZES[pair.name]
    draw = torch.Generator().manual_seed(3)
    x = mode.laid_out(torch.randn(batch, 3, size, size, generator=draw).to(device))
    labels = (torch.arange(batch) * 37 % 1000).float().to(device)
    both = [pair.ours, pair.theirs]
    if mode.compiled:
        both = [torch.compile(net, backend=BACKEND) for net in both]
    made = zip(both, pair.optimizers, strict=True)
    calls = [nets.step(net, own, (x, labels), autocast) for net, own in made]
    return comparison(calls, mode, device, seconds, 2e-2)


def training(report, device, quick):
    each = 0.2 if quick else 1.5

    def case(name, batch, mode):
        # Anew for each: after some steps the weights of both are no longer the same.
        pair = nets.in_training(name, batch, device)
        return training_case(pair, batch, mode, device, each)

    modes = (nets.TF32, nets.LAST, nets.FP32, nets.BF16, nets.COMPILED)
    chosen = [(m, n, b) for m in modes for n, b in TRAINED.items()]
    if quick:
        chosen = [(nets.FP32, name, 1) for name in TRAINED] + [(nets.COMPILED, "alexnet", 1)]
    report.cases(
        (nets.TITLES[n], f"training step, batch {b}", m.title, functools.partial(case, n, b, m))
        for m, n, b in chosen
    )


def loops(report, device, quick):
    each = 0.5 if quick else 3.0
    with tempfile.TemporaryDirectory() as folder:
        report.cases(gpu_loops.cases(folder, device, quick, each))


def stated():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the script")
    parser.add_argument("--seconds", type=float, default=95, help="of a section")
    parser.add_argument("--out", help="a file for the page; its tests' log lies beside it")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    return parser.parse_args()


def main():
    options = stated()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device here; --device cpu --quick tries the script without")
        return 1
    global BACKEND  # noqa: PLW0603 (one choice for the whole run)
    BACKEND = "eager" if options.quick else "inductor"
    report, device, quick = Report(options.out), options.device, options.quick
    report.add("# protonet on a GPU", "", machine(device))
    report.add("Median (minimum) of rounds in turn in one process; ratio: protonet over by hand.")
    wanted = options.only.split(",")
    if "tests" in wanted:
        with report.section("Tests", 1.5 * options.seconds + 15):
            run_tests(report, device, quick, 1.5 * options.seconds)
    for name, work, share in (
        ("inference", inference, 1),
        ("training", training, 1),
        ("loops", loops, 0.5),
    ):
        if name in wanted:
            with report.section(name.capitalize(), share * options.seconds):
                work(report, device, quick)
    report.add("", f"Failed: {'; '.join(report.failed) or 'nothing'}.")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
