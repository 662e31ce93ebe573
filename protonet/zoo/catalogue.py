"""Every net of the zoo by name, in the order of their years, and where its files are."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from protonet.diagnostics import NetError, Source, did_you_mean
from protonet.zoo.entry import Entry, net_text, solver_text
from protonet.zoo.families import (
    alexnet,
    deeplab,
    densenet,
    googlenet,
    inception_v3,
    lenet,
    resnet,
    resnet_cifar,
    separable,
    vgg,
)

_FAMILIES = (
    lenet,
    alexnet,
    vgg,
    googlenet,
    inception_v3,
    resnet,
    resnet_cifar,
    densenet,
    separable,
    deeplab,
)
ENTRIES: dict[str, Entry] = {e.name: e for family in _FAMILIES for e in family.ENTRIES}
TEXTS = ("deploy.prototxt", "train_val.prototxt", "solver.prototxt")
TEACHING = "teaching"


def folder() -> Path:
    """Where the files are: within the installed package, or beside it in a checkout."""
    installed = Path(__file__).parent / "nets"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "zoo_prototxt"


def entry(name: str) -> Entry:
    """The net of that name. NetError with the nearest name where there is none."""
    if name not in ENTRIES:
        hint = did_you_mean(name, names()) or "`protonet zoo` lists the nets"
        raise NetError(f"the zoo has no net {name!r}", None, hint)
    return ENTRIES[name]


def generated(found: Entry) -> dict[str, str]:
    """The prototxts of a net as the generator writes them, without those written by hand."""
    made = {}
    for name in TEXTS:
        if name not in found.by_hand:
            is_solver = name == "solver.prototxt"
            train = name == "train_val.prototxt"
            made[name] = solver_text(found) if is_solver else net_text(found, train)
    return made


def files(name: str) -> dict[str, str]:
    """Every file of a net and its text: its folder, and what is written on demand."""
    if name == TEACHING:
        return _texts(folder() / TEACHING)
    found = entry(name)
    return {**(generated(found) if found.on_demand else {}), **_texts(folder() / name)}


def with_data(texts: dict[str, str]) -> dict[str, str]:
    """Texts for another place: the databases of the zoo that they name, by their whole paths."""
    data = (folder() / "data").as_posix()
    return {name: text.replace('"../data/', f'"{data}/') for name, text in texts.items()}


def _texts(path: Path) -> dict[str, str]:
    kept = sorted(p for p in path.rglob("*") if p.suffix in (".prototxt", ".md", ".svg"))
    return {str(p.relative_to(path)): p.read_text(encoding="utf-8") for p in kept}


def teaching() -> list[str]:
    """The names of the small teaching nets: teaching/NAME."""
    return sorted(f"{TEACHING}/{p.stem}" for p in (folder() / TEACHING).glob("*.prototxt"))


def names() -> list[str]:
    """Every name that stands for a net."""
    return [*ENTRIES, *teaching()]


def deploy(name: str) -> str:
    """The path of a net's definition for use, or its text where it is written on demand."""
    if name in teaching():
        return str(folder() / f"{name}.prototxt")
    found = entry(name)
    if found.on_demand:
        return net_text(found, train=False)
    return str(folder() / name / "deploy.prototxt")


_PARTS = {"NetParameter": "deploy", "SolverParameter": "solver"}


def lookup(name: str, kind: str) -> str | Source | None:
    """What a net's name means: its definition for use, or its solver where one is wanted.

    NAME/train_val and NAME/solver are its other files. The path, or the text where that is
    written on demand; None where the zoo has no such net or file.
    """
    if name in teaching():
        return str(folder() / f"{name}.prototxt")
    base, _, part = name.partition("/")
    file = f"{part or _PARTS.get(kind, '')}.prototxt"
    if base not in ENTRIES or file not in TEXTS:
        return None
    found = ENTRIES[base]
    if found.on_demand and file not in found.by_hand:
        return Source(f"<zoo: {base}>", generated(found)[file])
    path = folder() / base / file
    return str(path) if path.is_file() else None


@cache
def figures() -> dict[str, dict[str, Any]]:
    """The figures of every net, as they were counted when its files were written."""
    found: dict[str, dict[str, Any]] = json.loads(
        (folder() / "figures.json").read_text(encoding="utf-8")
    )
    return found
