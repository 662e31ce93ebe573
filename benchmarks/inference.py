"""Forward passes of an optimized net against the fastest others, and a table of them in RESULTS.md.

    python benchmarks/inference.py [net ...] [--batch 1,8] [--rounds 9] [--threads 2] [--cpu]
        [--without compile,frozen] [--dry]

All forms of a net take turns in one process. With --cpu the time is that of one processor, which a
busy machine changes less, and one thread runs.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- inference -->", "<!-- end of inference -->"
FORMS = {
    "emitted": "the net as it is",
    "last": "channels-last",
    "script": "TorchScript's optimize_for_inference",
    "compile": "torch.compile",
    "frozen": "torch.compile, freezing",
    "opencv": "OpenCV",
    "onnxruntime": "onnxruntime",
    "ours": "optimize",
}
REST = 0.05  # its threads go on waiting for work, in the way of the next form's
RIVALS = ("last", "script", "compile", "frozen", "opencv")
ROWS = """
Forward passes by `protonet.optimize` against the fastest of others (`{command}`), {clock} in ms,
minimum (median) of {rounds} rounds in turn; {where}.
The bar is the best of channels-last, TorchScript, torch.compile (freezing or not) and OpenCV 4;
onnxruntime, which is not in it, stands beside.
"""


def makers(name, batch, without):
    """What makes each form of a net: a function of nothing that runs a pass."""
    import torch
    from inference_nets import SIZES, made

    import protonet

    net = made(name)
    x = torch.randn(batch, 3, SIZES[name], SIZES[name])

    def last():
        other = copy.deepcopy(net).to(memory_format=torch.channels_last)
        return partial(other, x.contiguous(memory_format=torch.channels_last))

    def script():
        frozen = torch.jit.freeze(torch.jit.trace(net, x, strict=False))
        return partial(torch.jit.optimize_for_inference(frozen), x)

    def freezing():
        from torch._inductor import config

        config.freezing = True  # the options of torch.compile alone leave weights as they are
        return partial(torch.compile(copy.deepcopy(net)), x)

    made_by = {
        "emitted": lambda: partial(net, x),
        "last": last,
        "script": script,
        "compile": lambda: partial(torch.compile(copy.deepcopy(net)), x),
        "frozen": freezing,
        "opencv": lambda: opencv(name, net, x),
        "onnxruntime": lambda: onnxruntime(net, x),
        "ours": lambda: partial(protonet.optimize(net), x),
    }
    return {form: maker for form, maker in made_by.items() if form not in without.split(",")}


def opencv(name, net, x):
    """The net out of Caffe's own files."""
    import cv2
    import torch
    from inference_nets import definition

    import protonet

    cv2.setNumThreads(torch.get_num_threads())
    with tempfile.TemporaryDirectory() as folder:
        text, weights = Path(folder) / "net.prototxt", Path(folder) / "net.caffemodel"
        text.write_text(definition(name), encoding="utf-8")
        protonet.save(net, weights)
        read = cv2.dnn.readNetFromCaffe(str(text), str(weights))
    names, values = read.getUnconnectedOutLayersNames(), x.numpy()

    def run():
        read.setInput(values)
        return read.forward(names)

    return run


def onnxruntime(net, x):
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "net.onnx")
        torch.onnx.export(net, (x,), file, dynamo=False, opset_version=13)
        session = onnxruntime.InferenceSession(file, options)
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x.numpy()})


def tensors(found):
    """What a pass gave, as a list of tensors."""
    import torch

    if isinstance(found, dict):
        return list(found.values())
    return [found] if isinstance(found, torch.Tensor) else list(found)


def measure(name, batch, rounds, threads, cpu, without):
    """Times of every form in seconds, and how far ours is from the net's own numbers."""
    import torch

    torch.set_num_threads(threads)
    clock = time.thread_time if cpu else time.perf_counter
    found, results = {}, {}
    with torch.no_grad():
        for form, maker in makers(name, batch, without).items():
            try:
                run = maker()
                run(), run()  # the second pass may compile
                results[form] = tensors(run())
                found[form] = run
            except Exception as error:  # noqa: BLE001 (what a rival can't is a gap in the table)
                print(f"{name} {form}: {error!r:.200}", file=sys.stderr)
        times = {form: [] for form in found}
        for _ in range(rounds):
            for form, run in found.items():
                begin = clock()
                run()
                times[form].append(clock() - begin)
                if form == "onnxruntime":
                    time.sleep(REST)
    pairs = zip(results["emitted"], results["ours"], strict=True)
    far = max(float((a - b).abs().max()) for a, b in pairs)
    return {"net": name, "batch": batch, "times": times, "far": far, "load": os.getloadavg()[0]}


def row(found):
    """A line of the table, and the ratio to the best rival."""
    times = found["times"]
    least = {form: min(took) * 1000 for form, took in times.items()}
    middle = {form: statistics.median(took) * 1000 for form, took in times.items()}
    best = min((form for form in RIVALS if form in least), key=least.get)
    ratio = least["ours"] / least[best]
    cells = [f"{least[f]:.1f} ({middle[f]:.1f})" if f in least else "—" for f in FORMS]
    ends = [f"{ratio:.2f} × {FORMS[best]}", f"{found['far']:.0e}", f"{found['load']:.0f}"]
    return "| " + " | ".join([f"{found['net']}, {found['batch']}", *cells, *ends]) + " |", ratio


def table(all_found):
    head = ["net, batch", *FORMS.values(), "optimize / best", "differs by", "load"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    rows = [row(found) for found in all_found]
    lines += [line for line, _ in rows]
    ratios = [ratio for _, ratio in rows]
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    emitted = [min(f["times"]["emitted"]) / min(f["times"]["ours"]) for f in all_found]
    gain = math.exp(statistics.fmean(map(math.log, emitted)))
    lines += [
        "",
        f"Geometric mean {mean:.2f} × the best (bar 1.0), at most {max(ratios):.2f} × (bar",
    ]
    return [*lines, f"1.15); {gain:.1f} times as fast as the net as it is."]


def write(lines):
    """Put the section into RESULTS.md, in the place of an older one."""
    path = HERE / "RESULTS.md"
    text = path.read_text(encoding="utf-8")
    section = "\n".join([BEGIN, *lines, END])
    if BEGIN in text:
        before, _, rest = text.partition(BEGIN)
        text = before + section + rest.partition(END)[2]
    else:
        text = text.rstrip() + "\n\n" + section + "\n"
    path.write_text(text, encoding="utf-8")


def where(threads):
    import cv2
    import onnxruntime
    import torch
    from run import machine

    more = f"OpenCV {cv2.__version__}, onnxruntime {onnxruntime.__version__}"
    torch.set_num_threads(threads)
    busy = f"load is that of the machine's {os.cpu_count()} cores"
    return f"{machine().rstrip('.')}, {more}; {busy}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nets", nargs="*")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--without", default="")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    threads = 1 if options.cpu else options.threads
    if options.one:
        warnings.simplefilter("ignore")
        batch = int(options.batch)
        print(
            json.dumps(
                measure(
                    options.nets[0], batch, options.rounds, threads, options.cpu, options.without
                )
            )
        )
        return
    from inference_nets import SIZES

    found = []
    for name in options.nets or SIZES:
        for batch in options.batch.split(","):
            command = [sys.executable, __file__, name, "--one", f"--batch={batch}"]
            command += [f"--rounds={options.rounds}", f"--threads={threads}"]
            command += [f"--without={options.without}", *(["--cpu"] if options.cpu else [])]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
            print(row(found[-1])[0], flush=True)
    clock = "time of one processor" if options.cpu else "time"
    command = " ".join(["python benchmarks/inference.py", *sys.argv[1:]])
    text = ROWS.format(command=command, clock=clock, rounds=options.rounds, where=where(threads))
    lines = [*text.strip("\n").split("\n"), "", *table(found)]
    print("\n".join(lines))
    if not options.dry:
        write(lines)


if __name__ == "__main__":
    main()
