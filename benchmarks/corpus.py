"""Check and compile every prototxt of a folder: python benchmarks/corpus.py FOLDER.

The folder may also be named by PROTONET_CORPUS. Every net and solver is checked; every net that
is accepted is compiled in each phase that it has layers for, with a shape for the inputs whose
shape only their data would tell. The table goes into RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path

HERE = Path(__file__).parent
MARK = "<!-- the corpus -->"
GPU = "<!-- on a GPU -->"  # what gpu.py wrote, kept behind the corpus
# Shapes to try for an input whose shape the definition does not tell.
SHAPES = [
    (2, 3, 224, 224),
    (2, 3, 227, 227),
    (2, 3, 32, 32),
    (2, 1, 28, 28),
    (2, 2, 28, 28),
    (2, 3, 600, 800),
    (1, 3, 224, 224),
]

import torch  # noqa: E402

from protonet.api import lowered, read  # noqa: E402
from protonet.checking import check_any  # noqa: E402
from protonet.diagnostics import NetError, NetWarning  # noqa: E402
from protonet.layers.python import layer_class  # noqa: E402
from protonet.runtime.module import instantiate  # noqa: E402
from protonet.schema.load import load_any  # noqa: E402
from protonet.schema.select import data_elsewhere, select  # noqa: E402
from protonet.selection import Selection  # noqa: E402


def kind(path: Path) -> str:
    """Net or solver; broken where the text is neither."""
    try:
        name = load_any(path).message.DESCRIPTOR.name
    except NetError:
        return "broken"
    return "net" if name == "NetParameter" else "solver"


def reason(problem: NetError) -> str:
    """What is wrong, without the names that differ from file to file."""
    text = re.sub(r"^layer '.*?' \((\w+)\): ", r"\1: ", problem.message)
    text = re.sub(r"layer '.*?' has the unknown type", "unknown type", text)
    text = re.sub(r"the bottom '.*?' is not", "a bottom is not", text)
    return re.sub(r"\d+(x\d+)*", "N", text)


def compiles(path: Path, phase: str) -> str:
    """How a phase of an accepted net fares: compiled, or why not."""
    loaded = read(path)
    selected = select(loaded, phase)
    layers = selected.message.layer
    if not len(layers):
        return "no layers in this phase"
    if data_elsewhere(loaded, selected):
        return "data layers for another phase or stage only"
    if any(getattr(layer_class(layer), "runs_code", False) for layer in layers):
        return "runs Python code of its own, which takes the user's word"
    tops = [layer.top[0] for layer in layers if not layer.bottom and layer.top]
    error: NetError | None = None
    for shape in [None, *SHAPES]:
        given = dict.fromkeys(tops, shape) if shape else None
        try:
            made = lowered(path, Selection.of(phase, shapes=given))
            with torch.device("meta"):
                instantiate(made)
        except NetError as problem:
            error = error or problem
            unknown = "is not known" in problem.message or given
            if not unknown:
                break
        else:
            return "compiled"
    assert error is not None
    if "is not known" in error.message:
        return "an input has a shape that only its data tells, and none of those tried fits"
    return f"refused: {reason(error)}"


@dataclass
class Finding:
    """What became of one file."""

    name: str
    kind: str = "broken"
    reasons: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    crash: str = ""
    seconds: float = 0.0


def study(path: Path, compiling: bool = True) -> Finding:
    """Check a file and, where it is a net that is accepted, compile it in both phases."""
    warnings.simplefilter("ignore", NetWarning)
    found = Finding(str(path))
    start = time.process_time()
    try:
        problems = check_any(str(path))
        found.seconds = time.process_time() - start
        found.kind = kind(path)
        found.reasons = tuple(sorted({reason(p) for p in problems}))
        assert all(p.span for p in problems), "an error without its place"
        if compiling and not problems and found.kind == "net":
            found.phases = tuple(compiles(path, phase) for phase in ("TRAIN", "TEST"))
    except Exception as error:  # noqa: BLE001 (a crash is what this looks for)
        found.crash = repr(error)
    return found


def survey(folder: Path, workers: int, compiling: bool = True) -> list[Finding]:
    """Every prototxt of a folder, several at a time."""
    files = sorted(p for p in folder.rglob("*.prototxt") if p.is_file())
    found = []
    with Pool(workers) as pool:
        for number, finding in enumerate(
            pool.imap(partial(study, compiling=compiling), files, 4), 1
        ):
            found.append(finding)
            print(f"\r{number} of {len(files)}", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


def table(found: list[Finding]) -> list[str]:
    """The findings as Markdown."""
    each = 1000 * sum(f.seconds for f in found) / max(1, len(found))
    counts = Counter((f.kind, bool(f.reasons)) for f in found)
    phases = Counter(text for f in found for text in f.phases)
    reasons = Counter(text for f in found for text in f.reasons)
    lines = [f"`check` of {len(found)} prototxts, {each:.0f} ms of one core each:", ""]
    lines += ["| what | accepted | refused |", "|---|---|---|"]
    for name, label in (("net", "nets"), ("solver", "solvers"), ("broken", "no prototxt")):
        row = counts[name, False], counts[name, True]
        lines += [f"| {label} | {row[0]} | {row[1]} |"] if any(row) else []
    lines += ["", "| accepted nets, by phase | phases |", "|---|---|"] if phases else []
    lines += [f"| {text} | {n} |" for text, n in phases.most_common()]
    lines += ["", "| reason of a refusal | files |", "|---|---|"]
    order = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    lines += [f"| {text.replace('|', '/')} | {n} |" for text, n in order]
    return [*lines, "", *(f"CRASH: {f.name}: {f.crash}" for f in found if f.crash)]


def write(lines: list[str]) -> None:
    """Put the table into RESULTS.md, in the place of an older one."""
    path = HERE / "RESULTS.md"
    before, _, after = path.read_text(encoding="utf-8").partition(MARK)
    text = "\n".join([before.rstrip(), "", MARK, "", *lines]).rstrip() + "\n"
    kept = "".join(after.partition(GPU)[1:])
    path.write_text(f"{text}\n{kept}" if kept else text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("PROTONET_CORPUS")
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--workers", type=int, default=2, help="Processes at a time.")
    parser.add_argument("--check-only", action="store_true", help="Compile nothing.")
    parser.add_argument("--print", action="store_true", help="Do not write RESULTS.md.")
    options = parser.parse_args()
    if options.folder is None or not Path(options.folder).is_dir():
        parser.error("name a folder of prototxts, here or as PROTONET_CORPUS")
    found = survey(Path(options.folder), options.workers, not options.check_only)
    lines = table(found)
    print("\n".join(lines))
    if not options.print:
        write(lines)
    return 1 if any(f.crash for f in found) else 0


if __name__ == "__main__":
    sys.exit(main())
