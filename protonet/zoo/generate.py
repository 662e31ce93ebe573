"""Write the zoo's files: prototxts, READMEs and figures.json, from the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from protonet.zoo.catalogue import ENTRIES, TEACHING, generated
from protonet.zoo.entry import Entry
from protonet.zoo.families.teaching import texts
from protonet.zoo.figures import figures
from protonet.zoo.readme import overview, readme

_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"


def count(entry: Entry, folder: Path) -> dict[str, Any]:
    """The figures of one net, as figures.json keeps them."""
    found = figures(
        generated(entry).get("deploy.prototxt") or folder / entry.name / "deploy.prototxt"
    )
    return {**asdict(found), "file": found.file}


def nets() -> Iterator[tuple[str, str]]:
    """Every generated prototxt, by its path in the folder."""
    for name, entry in ENTRIES.items():
        for file, text in generated(entry).items():
            if not entry.on_demand or file == "solver.prototxt":
                yield f"{name}/{file}", text
    for file, text in texts().items():
        yield f"{TEACHING}/{file}", text


def pages(counted: Mapping[str, Mapping[str, Any]], page: str) -> Iterator[tuple[str, str]]:
    """Every generated page, by its path; ``page`` is the zoo's README, whose table is renewed."""
    for name, entry in ENTRIES.items():
        yield f"{name}/README.md", readme(entry, counted[name])
    table = f"{_BEGIN}\n{overview(ENTRIES, counted)}\n{_END}"
    yield "README.md", re.sub(f"{_BEGIN}.*{_END}", lambda _: table, page, flags=re.DOTALL)


def write(folder: Path) -> None:
    """Write all of it into the folder of the zoo."""
    for path, text in nets():
        _put(folder / path, text)
    counted = {name: count(entry, folder) for name, entry in ENTRIES.items()}
    _put(folder / "figures.json", json.dumps(counted, indent=1) + "\n")
    for path, text in pages(counted, (folder / "README.md").read_text(encoding="utf-8")):
        _put(folder / path, text)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
