"""What `protonet` alone says: what can be done next, with the files that are here."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from itertools import islice

from protonet.plain import plain

_IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_MANY = 10_000  # entries of a folder that are looked at


def next_steps() -> str:
    """A line for who has a definition, for who has weights as well, and for who has nothing."""
    here = _here()
    nets = [name for name in here if name.endswith(".prototxt") and "solver" not in name]
    net = _first(nets, "deploy") or "net.prototxt"
    weights = _first(name for name in here if name.endswith(".caffemodel")) or "net.caffemodel"
    image = _first(name for name in here if name.lower().endswith(_IMAGES)) or "cat.jpg"
    python = f"{os.path.splitext(net)[0]}.py"
    net, weights, image, python = (_quoted(name) for name in (net, weights, image, python))
    return "\n".join(
        [
            "protonet compiles Caffe network definitions into PyTorch. What to do next:",
            "",
            "  with a prototxt, its PyTorch:",
            f"    protonet compile {net} -o {python}",
            "  with its weights and an image, an answer:",
            f"    protonet run {net} --weights {weights} --image {image}",
            "  with nothing yet, a classic net of the zoo:",
            "    protonet show lenet",
            "",
            "`protonet --help` lists the commands, `protonet zoo` the nets.",
        ]
    )


def _here() -> list[str]:
    try:
        with os.scandir() as entries:
            names = [entry.name for entry in islice(entries, _MANY) if entry.is_file()]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))


def _first(names: Iterable[str], liked: str = "") -> str:
    """The first name, of those with a certain word in them if there are such."""
    found = list(names)
    return next((name for name in found if liked in name), found[0] if found else "")


def _quoted(name: str) -> str:
    """A name as a shell takes it, where it can be shown at all."""
    if plain(name) != name:
        return plain(name)
    return shlex.quote(f"./{name}" if name.startswith("-") else name)
