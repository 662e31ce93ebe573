"""A feed: the endless batches of one data layer, which can be left and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from protonet.arrays import Floats
from protonet.data.buffers import new_array
from protonet.data.definition import Definition
from protonet.data.detection.boxes import Boxes
from protonet.data.position import Position
from protonet.diagnostics import NetError
from protonet.reading import reading
from protonet.schema.param_str import Kind, mapping_of, other_options
from protonet.schema.pool import Message
from protonet.shape import Shape

Batch = dict[str, NDArray[np.float32]]
MarkedTops = dict[str, tuple[str, list[Boxes]]]
Allocate = Callable[[Shape], NDArray[np.float32]]
FEEDS: dict[str, type[Feed]] = {}


class Feed:
    """The batches of a data layer, {top: float32 array}, in Caffe's order, without end.

    A batch comes in two steps. ``plan`` says what is in it: it reads on, draws the random numbers,
    and belongs to one thread at a time. ``make`` decodes and transforms what was planned, on any
    thread. ``mark`` is where the feed stands after a plan; ``state`` is that as JSON can hold it.
    ``shapes`` are those of the first batch. ``options`` are those of a Python class's param_str.
    """

    type: ClassVar[str]
    options: ClassVar[Mapping[str, Kind]] = {}

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.shapes: dict[str, Shape] = {}

    @classmethod
    def of(cls, definition: Definition) -> Feed:
        """The feed of a layer of this type, which may have several forms."""
        return cls(definition)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self.make(self.plan())

    def plan(self) -> Any:
        """Read on by one batch; what ``make`` takes."""
        raise AssertionError(f"{self.type} does not plan")

    def make(self, planned: Any, new: Allocate = new_array) -> Batch:
        """The batch that was planned, its large arrays made by ``new``."""
        raise AssertionError(f"{self.type} does not make")

    def boxes(self, batch: Mapping[str, Floats]) -> MarkedTops:
        """The boxes of each image of a batch, by the top of the images, with their own top."""
        return {}

    def mark(self) -> Any:
        """Where the feed stands, cheap to take."""
        return None

    def marked(self, mark: Any) -> Position:
        """A mark as JSON can hold it."""
        return {}

    def go_to(self, state: Position) -> None:
        """Go on where ``marked`` says."""

    def state(self, mark: Any = None) -> Position:
        """Where the feed stands, or stood at a mark, as JSON can hold it."""
        at = self.mark() if mark is None else mark
        return {"type": self.type, "layer": self.definition.layer.name, **self.marked(at)}

    def restore(self, state: Position) -> None:
        """Go on where ``state`` was taken: the next batch is the same, bit for bit.

        NetError where the state is another layer's, or the data has changed.
        """
        name = self.definition.layer.name
        with self.definition.placing(), reading("the saved position", "can't be taken up", None):
            if (state["type"], state["layer"]) != (self.type, name):
                given = f"the {state['type']} layer {state['layer']!r}"
                raise NetError(f"the saved position is that of {given}")
            self.go_to(state)

    def close(self) -> None:
        """Let go of files; the feed gives nothing more."""


def feed_of(layer: Message) -> type[Feed] | None:
    """The feed of a layer by its type; of a Python class one that is told its source, or None.

    A misspelt option may be the source, and is told when the feed opens; with options of its own
    the class is another of that name.
    """
    if layer.type != "Python":
        return FEEDS.get(layer.type)
    p: Any = layer.python_param
    cls = FEEDS.get(f"{p.module}.{p.layer}")
    given = (cls and mapping_of(p.param_str)) or {}
    if cls is None or other_options(given, cls.options):
        return None
    return cls if "source" in given or any(name not in cls.options for name in given) else None


def source_hint(layer: Message) -> str:
    """What tells a Python class its data, where that can be read; "" where it can't."""
    p: Any = layer.python_param
    if layer.type != "Python" or f"{p.module}.{p.layer}" not in FEEDS:
        return ""
    return "name a Pascal VOC folder in its param_str, \"'source': 'VOC2007', 'set': 'trainval'\""


F = TypeVar("F", bound=type[Feed])


def feeds(cls: F) -> F:
    """Make a class the feed of the layer type that it names."""
    assert cls.type not in FEEDS, f"{cls.type} has two feeds"
    FEEDS[cls.type] = cls
    return cls
