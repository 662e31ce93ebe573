"""Where submodules went: from the flat program's attributes to the paths of the module."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PathStep = tuple[str, str]  # a class, "" for one of torch's, and the attribute of it


class Whereabouts:
    """The path of every submodule of a flat program, as steps from class to class."""

    def __init__(self, main: str, attributes: Iterable[str]) -> None:
        self._steps: dict[str, list[PathStep]] = {name: [(main, name)] for name in attributes}

    def move(self, moves: Mapping[PathStep, Iterable[PathStep]]) -> None:
        """Attributes of classes are now elsewhere: inside of blocks, or under another name."""
        moved = {step: list(to) for step, to in moves.items()}
        for name, steps in self._steps.items():
            if any(step in moved for step in steps):
                self._steps[name] = [new for old in steps for new in moved.get(old, [old])]

    def changed(self) -> dict[str, str]:
        """The dotted paths of those that are no more where they were."""
        paths = {n: ".".join(name for _, name in steps) for n, steps in self._steps.items()}
        return {name: path for name, path in paths.items() if name != path}
