"""Label maps: which number stands for which class, as SSD's layers and tools read it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from protonet.diagnostics import NetError, Source, did_you_mean, raise_all
from protonet.files import write_whole
from protonet.reading import reading
from protonet.schema.bind import bind_text

BACKGROUND = "none_of_the_above"


class LabelMap:
    """The numbers of classes, by the name and the name to be shown that a map gives them."""

    def __init__(self, numbers: dict[str, int], path: str) -> None:
        self.numbers = numbers
        self._path = path

    @classmethod
    def read(cls, path: Path) -> LabelMap:
        """From a prototxt. NetError where it is none, or gives one name two numbers."""
        with reading(path, "can't be read", None):
            text = path.read_text(encoding="utf-8-sig", errors="replace")
        found, errors = bind_text(Source(os.fspath(path), text), "LabelMap")
        raise_all(errors)
        if not len(found.item):
            hint = 'item { name: "cat" label: 1 display_name: "cat" }'
            raise NetError(f"{os.fspath(path)} maps no class", None, hint)
        numbers: dict[str, int] = {}
        for item in found.item:
            if numbers.setdefault(item.name, item.label) != item.label:
                what = f"{os.fspath(path)} gives {item.name!r} two labels"
                raise NetError(f"{what}, {numbers[item.name]} and {item.label}")
        for item in found.item:
            numbers.setdefault(item.display_name, item.label)
        return cls(numbers, os.fspath(path))

    @classmethod
    def of(cls, classes: Sequence[str], path: str) -> LabelMap:
        """The classes from 1 on, in their order; numbers from 1 on stay as they are.

        NetError where two have one name.
        """
        classes = [name for name in classes if name != BACKGROUND]
        for place, name in enumerate(classes):
            if name in classes[:place]:
                raise NetError(f"two classes are called {name!r}", None, "give them names apart")
        if all(_is_label(name) for name in classes):
            return cls({name: int(name) for name in classes}, path)
        return cls({name: label for label, name in enumerate(classes, 1)}, path)

    def label(self, name: str, source: str) -> int:
        """The number of a class. NetError where the map has it not, or as the background."""
        if self.numbers.get(name, 1) < 1:
            what = f"{self._path} gives {name!r} the label {self.numbers[name]}"
            raise NetError(f"{source}: {what}: they count from 1, and 0 is the background")
        if name not in self.numbers:
            known = [one for one in self.numbers if one and one != BACKGROUND]
            hint = did_you_mean(name, known) or f"its classes are {', '.join(known[:20])}"
            raise NetError(f"{source}: {self._path} has no class {name!r}", None, hint)
        return self.numbers[name]

    def names(self) -> dict[int, str]:
        """The name of each number, the one to be shown where there are two."""
        return {label: name for name, label in self.numbers.items() if name}

    def write(self, path: Path) -> None:
        """Write the map with the background as 0, as SSD's own maps are."""
        items = [(BACKGROUND, 0, "background")]
        items += [(name, label, name) for name, label in self.numbers.items()]
        blocks = [
            f"item {{\n  name: {_quoted(name)}\n  label: {label}\n"
            f"  display_name: {_quoted(shown)}\n}}\n"
            for name, label, shown in items
        ]
        write_whole(path, "".join(blocks).encode("utf-8"))


def names_beside(database: Path, given: Path | None) -> dict[int, str]:
    """The names of a map that is given, or that lies beside a database; none where there is none.

    NetError where the map can't be read.
    """
    beside = Path(os.path.abspath(database)).with_name("labelmap.prototxt")
    if given is None and not beside.exists():
        return {}
    return LabelMap.read(given or beside).names()


def _is_label(name: str) -> bool:
    """Whether a name is a number from 1 on, as a label map writes it."""
    return name.isascii() and name.isdigit() and len(name) < 10 and name[0] != "0"


def _quoted(text: str) -> str:
    """As a prototxt has a string; what JSON escapes, it escapes alike."""
    return json.dumps(text, ensure_ascii=False)
