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
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = sorted(nets(given.folder))[: given.most]
    with given.out.open("w") as file:
        for cost, path in chosen:
            found = one(path, given.folder)
            row = (
                found.name,
                found.error,
                found.nodes,
                f"{found.difference:.1e}",
                found.batch,
                f"{found.seconds:.1f}",
                cost,
            )
            print(*row, sep="\t", file=file, flush=True)
            print(*row, sep="\t", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
