"""Nets of 1,000 to 50,000 layers: the time that a layer takes at each length, and the memory.

    python benchmarks/growth.py [--rounds 2] [--sizes 1000 5000 20000 50000] [TASK ...]

Each number is of a process of its own: the least time of the processor of the rounds, imports
apart, and the memory that the task adds to the process at its height. "lift" is not among the
tasks: it takes a module.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
import warnings

import protonet
from protonet import Source
from protonet.api import graph
from protonet.graph.cost import costs
from protonet.graph.difference import differences
from protonet.text.format import format_text
from protonet.text.parse import parse

SIZES = (1_000, 5_000, 20_000, 50_000)
INPUT = 'input: "x" input_shape { dim: 1 dim: 8 dim: 8 dim: 8 }\n'
UNIT = """
layer {{ name: "res{k}_conv1" type: "Convolution" bottom: "{last}" top: "res{k}_a"
        convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 bias_term: false }} }}
layer {{ name: "res{k}_bn1" type: "BatchNorm" bottom: "res{k}_a" top: "res{k}_a" }}
layer {{ name: "res{k}_scale1" type: "Scale" bottom: "res{k}_a" top: "res{k}_a"
        scale_param {{ bias_term: true }} }}
layer {{ name: "res{k}_relu1" type: "ReLU" bottom: "res{k}_a" top: "res{k}_a" }}
layer {{ name: "res{k}_conv2" type: "Convolution" bottom: "res{k}_a" top: "res{k}_b"
        convolution_param {{ num_output: 8 kernel_size: 3 pad: 1 bias_term: false }} }}
layer {{ name: "res{k}_bn2" type: "BatchNorm" bottom: "res{k}_b" top: "res{k}_b" }}
layer {{ name: "res{k}_scale2" type: "Scale" bottom: "res{k}_b" top: "res{k}_b"
        scale_param {{ bias_term: true }} }}
layer {{ name: "res{k}" type: "Eltwise" bottom: "{last}" bottom: "res{k}_b" top: "res{k}" }}
layer {{ name: "res{k}_relu" type: "ReLU" bottom: "res{k}" top: "res{k}" }}
layer {{ name: "res{k}_drop" type: "Dropout" bottom: "res{k}" top: "res{k}" }}
"""


def chain(n):
    names = ["x", *(f"y{k}" for k in range(n))]
    return INPUT + "".join(
        f'layer {{ name: "l{k}" type: "ReLU" bottom: "{names[k]}" top: "{names[k + 1]}" }}\n'
        for k in range(n)
    )


def residual(n):
    names = ["x", *(f"res{k}" for k in range(n // 10))]
    return INPUT + "".join(UNIT.format(k=k, last=names[k]) for k in range(n // 10))


def show(text):
    from protonet.cli.report import FORMATS

    found = costs(graph(text))
    for style in FORMATS.values():
        style(found)


def draw(text):
    drawing = protonet.draw(text)
    assert drawing.svg
    assert drawing.dot


def diff(text):
    """Against the same net with one name more in the middle, and all others as they are."""
    middle = text.text.rindex("layer {", 0, len(text.text) // 2)
    more = 'layer { name: "new" type: "Silence" bottom: "x" }\n'
    other = Source("<other>", text.text[:middle] + more + text.text[middle:])
    assert differences(graph(text), graph(other))


def renamed(text):
    """Against the same net with every layer's name another."""
    other = Source("<other>", text.text.replace('name: "', 'name: "other '))
    differences(graph(text), graph(other))


NETS = {"chain": chain, "residual": residual}
TASKS = {
    "parse": parse,
    "fmt": lambda text: format_text(parse(text)),
    "check": protonet.check,
    "show": show,
    "draw": draw,
    "diff": diff,
    "diff, renamed": renamed,
    "emit": protonet.emit,
    "emit, flat": lambda text: protonet.emit(text, flat=True),
}


def measured(task, net, size):
    """Seconds and bytes of one run in this process."""
    run, make = TASKS[task], NETS[net]
    run(Source("<small>", make(40)))  # what is imported when it is used
    text = Source("<net>", make(size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    run(text)
    taken = time.process_time() - start
    return taken, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024


def in_a_process(task, net, size):
    command = [sys.executable, __file__, "--one", task, net, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def table(tasks, sizes, rounds):
    yield f"| µs a layer | {' | '.join(f'{n:,}' for n in sizes)} | kB a layer |"
    yield f"|---|{'---|' * (len(sizes) + 1)}"
    for task in tasks:
        for net in NETS:
            found = [[in_a_process(task, net, n) for _ in range(rounds)] for n in sizes]
            times = [min(run[0] for run in runs) for runs in found]
            memory = min(run[1] for run in found[-1]) / sizes[-1] / 1000
            cells = (f"{1e6 * t / n:.0f}" for t, n in zip(times, sizes, strict=True))
            yield f"| {task}, {net} | {' | '.join(cells)} | {memory:.1f} |"


def main():
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["--one"]:
        print(*measured(sys.argv[2], sys.argv[3], int(sys.argv[4])))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(TASKS)}")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    for line in table(given.tasks or TASKS, given.sizes, given.rounds):
        print(line, flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
