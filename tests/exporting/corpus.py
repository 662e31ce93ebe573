"""Nets of a folder exported with random weights, the smallest first: a line each, as TSV.

python tests/exporting/corpus.py FOLDER --most 100 --out corpus.tsv
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from trial import Trial, tried

from protonet import NetError
from protonet.api import graph
from protonet.graph.cost import costs


def nets(folder: Path) -> Iterator[tuple[int, Path]]:
    """The definitions that need no data, each structure once, by the work of a pass."""
    seen = set()
    for path in sorted(folder.rglob("*.prototxt")):
        try:
            net = graph(path)
        except (NetError, OSError, UnicodeDecodeError):
            continue
        kinds = tuple((n.type, *(v.shape for v in n.outputs)) for n in net.nodes)
        if (
            not net.inputs
            or kinds in seen
            or any(n.layer.is_data and n.type != "Input" for n in net.nodes)
        ):
            continue
        seen.add(kinds)
        yield costs(net).multiply_adds, path


def one(path: Path, folder: Path) -> Trial:
    """A net with a batch of any size, or as it is where it takes no other."""
    name = str(path.relative_to(folder))
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "net.onnx"
        try:
            found = tried(name, path, out, scores=True, batch="dynamic")
            return found if not found.error else tried(name, path, out, scores=True)
        except Exception as error:  # noqa: BLE001 (a fault of ours is a line of the table, too)
            traceback.print_exc()
            return Trial(name, f"{type(error).__name__}: {error}".splitlines()[0])


def main() -> None:
    """Write the table, or the page that tables make."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--page", type=Path, nargs="+", help="tables to write --out from, as Markdown"
    )
    given = parser.parse_args()
    if given.page:
        rows = [line.split("\t") for table in given.page for line in table.read_text().splitlines()]
        given.out.write_text(page(rows), encoding="utf-8")
        return
    warnings.simplefilter("ignore")
    chosen = sorted(nets(given.folder))[: given.most]
    with given.out.open("w") as file:
        for cost, path in chosen:
            found = one(path, given.folder)
            told = f"{found.difference:.1e}", found.batch, f"{found.seconds:.1f}", cost
            row = (found.name, found.error, found.nodes, *told)
            print(*row, sep="\t", file=file, flush=True)
            print(*row, sep="\t", file=sys.stderr, flush=True)


def page(rows: list[list[str]]) -> str:
    """The tables as a page of the docs."""
    equal = [row for row in rows if not row[1]]
    free = sum(row[4] == "dynamic" for row in equal)
    lines = [
        "# Nets that were tried in ONNX",
        "",
        "Nets of the zoo and of public repositories with random weights: the largest difference of",
        "any output, and of what any softmax reads, in onnxruntime beside the PyTorch module, as a",
        "part of the largest number. `python tests/exporting/corpus.py FOLDER --out TABLE` makes a",
        "table, and with `--page TABLE ... --out docs/onnx-nets.md` this page.",
        "",
        f"{len(equal)} of {len(rows)} nets are equal to 1e-4, {free} of them with a batch of any",
        "size, tried with 1 and 3.",
        "",
        "| net | nodes | difference | batch |",
        "|---|---|---|---|",
    ]
    for name, error, nodes, difference, batch, *_ in rows:
        taken = "any" if batch == "dynamic" else "its own"
        cells = (error.replace("|", "/"), "", "") if error else (nodes, difference, taken)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
