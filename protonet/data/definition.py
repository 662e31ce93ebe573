"""A data layer as its net defines it: fields, files, seeds, and errors with their place."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protonet.data.extras import NotHere
from protonet.data.random import Random
from protonet.diagnostics import NetError, Span
from protonet.schema.lookup import found
from protonet.schema.pool import Message

Where = Callable[..., Span | None]


@dataclass(frozen=True)
class Definition:
    """One data layer of a net in one phase, for one of ``world`` processes.

    ``where`` gives the place of a field in the text, from its path below the layer. ``readers`` are
    the layers of the net that read its tops.
    """

    layer: Any
    phase: str
    folder: str | None
    seed: int
    rank: int
    world: int
    where: Where
    readers: tuple[Any, ...] = ()

    @property
    def training(self) -> bool:
        """Whether this is the TRAIN phase, where crops and mirrors are random."""
        return self.phase == "TRAIN"

    @property
    def tops(self) -> list[str]:
        """The names of the blobs it gives."""
        return list(self.layer.top)

    def error(self, message: str, *field: str | int, hint: str | None = None) -> NetError:
        """A NetError that names the layer and points at the field."""
        text = f"layer {self.layer.name!r} ({self.layer.type}): {message}"
        return NetError(text, self.where(*field), hint)

    @contextmanager
    def placing(self, *field: str | int, of: str = "") -> Iterator[None]:
        """Give a NetError of the block that knows no place this field's; it is ``of`` a part."""
        try:
            yield
        except NetError as error:
            if error.span is not None or error.message.startswith("layer "):
                raise
            what = f"{of}: {error.message}" if of else error.message
            raise self.error(what, *field, hint=error.hint) from None

    def path(self, name: str, *folders: Path) -> Path:
        """A file's path: from the working directory, the net's folder, or the others given.

        A path that is in none of them is given as Caffe would take it.
        """
        return Path(found(name, self.folder or "", *folders))

    def readable(self, name: str, *field: str | int) -> Path:
        """The path of a file that a field names. NetError where there is none."""
        if not name:
            raise self.error(f"it has no {field[-1]}", *field[:-1], hint=f"give {field[-1]}")
        path = self.path(name)
        if os.path.exists(path):
            return path
        looked = f"looked in {os.getcwd()}"
        if self.folder:
            looked += f" and in {os.path.abspath(self.folder)}"
        error = self.error(f"there is no file or folder {name!r}", *field, hint=looked)
        raise NotHere(error.message, error.span, error.hint)

    def batch_size(self, message: Message, parameter: str) -> int:
        """The size of its batches. NetError where it is 0."""
        size = int(message.batch_size)
        if size < 1:
            stated = (parameter, "batch_size") if message.HasField("batch_size") else (parameter,)
            raise self.error("batch_size must be positive, it is 0", *stated)
        return size

    def refuse_others(self, message: Message, known: set[str], *field: str) -> None:
        """NetError at a field that is stated, is none of these and changes what is read."""
        for descriptor, value in message.ListFields():
            if descriptor.name not in known and value != descriptor.default_value:
                what = f"{descriptor.name} belongs to a fork of Caffe and is not done here"
                raise self.error(what, *field, descriptor.name, hint="take it out to go without it")


class Seeds:
    """The seeds that a net's layers draw one after the other from Caffe's generator.

    Processes draw alike what orders the records and differently what transforms them.
    Source: caffe_rng_rand in the layers' set-up; Solver::Init, which adds the rank.
    """

    def __init__(self, definition: Definition) -> None:
        self._common = Random(definition.seed)
        self._own = Random(definition.seed + definition.rank)

    def own(self) -> int:
        """A seed for this process alone."""
        self._common.draw()
        return self._own.draw()

    def common(self) -> int:
        """A seed that all processes share."""
        self._own.draw()
        return self._common.draw()


def fresh_seed() -> int:
    """A seed from the operating system, for who states none."""
    return secrets.randbits(31)
