"""The names of classes: sets that ship, a text with a name on each line, a label map of SSD's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from protonet.diagnostics import NetError, Source, raise_all
from protonet.reading import reading
from protonet.schema.bind import bind_text

FOLDER = Path(__file__).parent / "labels"
SETS = ("imagenet", "voc", "coco")
BACKGROUND = "background"


@dataclass(frozen=True)
class ClassNames:
    """The names of a net's classes, by number; without any each is called by its number."""

    names: tuple[str, ...] = ()

    def __getitem__(self, number: int) -> str:
        named = self.names[number] if 0 <= number < len(self.names) else ""
        return named or f"class {number}"

    def __bool__(self) -> bool:
        return bool(self.names)


@dataclass(frozen=True)
class NameList:
    """Names as they were given, in the orders that they may stand for; ``source`` says where."""

    source: str
    orders: tuple[tuple[str, ...], ...]

    @property
    def counts(self) -> list[int]:
        """How many classes it may name."""
        return [len(order) for order in self.orders]

    def of(self, classes: int, background: bool = False) -> ClassNames:
        """The names of so many classes, whose first may be the background.

        NetError where there are not as many.
        """
        found = {len(order): order for order in reversed(self.orders)}
        if classes in found:
            return ClassNames(found[classes])
        if background and classes - 1 in found:
            return ClassNames((BACKGROUND, *found[classes - 1]))
        counted = " or ".join(map(str, sorted(found)))
        plural = "class" if counted == "1" else "classes"
        what = f"{self.source} names {counted} {plural}, but the net has {classes}"
        raise NetError(what, None, f"the sets that ship are {', '.join(SETS)}")


def names_given(given: str) -> NameList:
    """What --labels says: a file, or else a set that ships. NetError where it is neither."""
    if Path(given).exists() or given not in SETS:
        return _of_file(given)
    lines = (FOLDER / f"{given}.txt").read_text(encoding="utf-8").splitlines()
    if given == "imagenet":
        return NameList(given, (tuple(lines),))
    if given == "coco":  # of 91 numbers, of which ten name nothing
        pairs = [(int(n), name) for n, name in (line.split(" ", 1) for line in lines)]
        sparse = dict(pairs)
        wide = tuple(sparse.get(n, "") for n in range(max(sparse) + 1))
        dense = tuple(name for _, name in pairs)
        return NameList(given, (dense, dense[1:], wide))
    return NameList(given, (tuple(lines), tuple(lines[1:])))


def set_of(classes: int, background: bool) -> str:
    """The set that ships with names for so many classes; "" where none has."""
    counts = (classes, classes - 1) if background else (classes,)
    fitting = (name for name in SETS if set(counts) & set(names_given(name).counts))
    return next(fitting, "")


def _of_file(path: str) -> NameList:
    """A text with a name on each line, or a LabelMap."""
    hint = f"give a file with a name on each line, or a set that ships: {', '.join(SETS)}"
    with reading(path, "can't be read", hint):
        if not Path(path).exists():
            raise NetError(f"{path} can't be read: no such file or directory", None, hint)
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    if re.search(r"^\s*item\s*:?\s*\{", text, re.MULTILINE):
        return _of_map(path, text)
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    return NameList(path, (tuple(lines),))


def _of_map(path: str, text: str) -> NameList:
    """A LabelMap, as SSD's nets name one: a number with each name, which need not be in order."""
    found, errors = bind_text(Source(path, text), "LabelMap")
    raise_all(errors)
    named = {int(i.label): i.display_name or i.name for i in found.item}
    if not named or not all(0 <= number < 1 << 16 for number in named):
        raise NetError(f"{path} names no class", None, "each item has a label and a display_name")
    return NameList(path, (tuple(named.get(n, "") for n in range(max(named) + 1)),))
