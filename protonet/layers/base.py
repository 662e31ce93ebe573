"""What every layer type says of itself, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from protonet.layers.blob import Blob
from protonet.layers.forks import LOSS
from protonet.layers.reach import ALL, Reach
from protonet.layers.registry import Registry
from protonet.program import Builder, Expr
from protonet.schema.pool import Message, add_parameter, is_repeated
from protonet.shape import Shape, count, show

__all__ = [
    "ALL",
    "MOST",
    "REGISTRY",
    "Example",
    "Layer",
    "LayerError",
    "Reach",
    "Shape",
    "ShapeUnknown",
    "canonical_axis",
    "check_dims",
    "check_legacy",
    "count",
    "flaw",
    "register",
    "show",
]

MOST, MOST_AXES = 2**31 - 1, 32  # Caffe counts in int; kMaxBlobAxes
REGISTRY = Registry()


class LayerError(ValueError):
    """A layer refuses its fields or its bottoms; build gives the message its place.

    ``field`` is a path from the layer's own parameter message ("kernel_size"), or from the
    layer where it starts with a field of LayerParameter ("bottom", 1).
    """

    def __init__(self, message: str, *field: str | int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint


class ShapeUnknown(LayerError):
    """The shape of a data layer's blobs is neither in the definition nor given."""


@dataclass(frozen=True)
class Example:
    """A prototxt for the documentation and the tests: one layer on Input blobs of these shapes.

    ``emits`` is a line that the emitted source must hold; ``outputs`` the shapes of the tops.
    """

    prototxt: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    emits: str


class Layer:
    """One layer type: how many blobs it takes and gives, its shapes, its blobs, its PyTorch.

    ``bottoms`` and ``tops`` are (fewest, most), most None for no limit. ``param`` is the field of
    LayerParameter that holds its message, reached as ``self.p``; where the schema has no such
    message, ``fields`` are its fields with their defaults. ``constants`` are the bottoms that Caffe
    never sends a gradient to where torch would, such as soft labels. ``keeps`` says whether
    autograd keeps the "bottoms", the "tops", both or neither for the backward pass; ``is_view``
    that the tops are the bottoms' memory under another shape. ``shares_memory`` says that the tops
    are the bottom's memory in Caffe, so that a layer in place behind it changes both;
    ``backward_reads`` which values Caffe's Backward takes from the "bottoms" and the "tops", and
    ``in_place_harms`` that the gradient is wrong in Caffe where the layer works in place, the
    "bottoms" being gone. ``grows`` is the axis of the tops as long as the data make it; the shapes
    say what Caffe reshapes it to before it has seen them. ``needs_elements`` says that torch
    refuses items without any, where Caffe has nothing to do; ``fills`` that Caffe fills the blobs
    as it makes them, which takes elements. ``trains_frozen`` says that Caffe computes gradients of
    its blobs also where lr_mult is 0. ``kind`` is that of a drawing's legend, which goes by the
    blobs where it is not stated; a layer that ``follows`` is drawn as a part of the one above.
    ``refuses`` are fields of forks that change what is computed and are not done, with the reason,
    but loss_param's; ``ignores`` change nothing; ``note`` is told to who trains it.
    ``settings_field`` names a file for all layers that have it; its text goes into {field}_text.
    ``numbers_field`` names a file of numbers as text, which go into {field}_numbers.
    """

    type: ClassVar[str]
    param: ClassVar[str | None] = None
    fields: ClassVar[dict[str, Any]] = {}
    bottoms: ClassVar[tuple[int, int | None]] = (1, 1)
    tops: ClassVar[tuple[int, int | None]] = (1, 1)
    constants: ClassVar[tuple[int, ...]] = ()
    grows: ClassVar[int | None] = None
    is_loss: ClassVar[bool] = False
    is_data: ClassVar[bool] = False
    runs_code: ClassVar[bool] = False
    trains_frozen: ClassVar[bool] = False
    keeps: ClassVar[tuple[str, ...]] = ("bottoms",)
    is_view: ClassVar[bool] = False
    shares_memory: ClassVar[bool] = False
    backward_reads: ClassVar[tuple[str, ...]] = ()
    in_place_harms: ClassVar[bool] = False
    may_run_in_place: ClassVar[bool] = False
    needs_elements: ClassVar[bool] = False
    kind: ClassVar[str] = ""
    follows: ClassVar[bool] = False
    fills: ClassVar[bool] = True
    refuses: ClassVar[Mapping[str, str]] = {}
    refuses_in_loss: ClassVar[Mapping[str, str]] = LOSS
    ignores: ClassVar[tuple[str, ...]] = ()
    settings_field: ClassVar[str] = ""
    numbers_field: ClassVar[str] = ""
    note: str = ""
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init__(self, message: Message, phase: str = "TEST") -> None:
        self.message = message
        self.phase = phase
        self.field = self.param_field()
        self.p: Any = getattr(message, self.field) if self.field else None

    def param_field(self) -> str | None:
        """The field of LayerParameter that holds the fields of this very layer."""
        return self.param

    @classmethod
    def file_field(cls, message: Message) -> str:  # noqa: ARG003 (types that read a file ask it)
        """The field of its own message that names a file to be read as a blob; "" for none."""
        return ""

    @classmethod
    def form(cls, message: Message) -> str:  # noqa: ARG003 (types that forks use otherwise ask it)
        """The type that a layer of this name is, where a fork gives the name to it; "" for this."""
        return ""

    @classmethod
    def otherwise(cls, message: Message) -> tuple[Message, str] | None:  # noqa: ARG003 (as above)
        """The layer as a fork reads it that says so nowhere, and whose it is; None for no such.

        It is taken where the net does not fit together as it stands, and does so.
        """
        return None

    def infer(self, *bottoms: Shape) -> tuple[Shape, ...]:
        """Shapes of the tops from those of the bottoms. LayerError where Caffe would refuse."""
        raise AssertionError(f"{self.type} does not infer")

    def beside(self, data: Shape) -> tuple[Shape, ...] | None:
        """A data layer's shapes where its first one is given; None where it alone is known then."""
        return None

    def blobs(self, bottoms: tuple[Shape, ...]) -> tuple[Blob, ...]:
        """The layer's parameter blobs, in Caffe's order; none where it has none."""
        return ()

    def kept(self) -> tuple[str, ...]:
        """What autograd keeps for the backward pass of this very layer: see ``keeps``."""
        return self.keeps

    def is_alias(self) -> bool:
        """Whether the tops of this very layer are its bottoms' memory: see ``is_view``."""
        return self.is_view

    def is_shared(self) -> bool:
        """Whether the tops of this very layer are its bottom in Caffe: see ``shares_memory``."""
        return self.shares_memory

    def reads_backward(self) -> tuple[str, ...]:
        """What Caffe's Backward of this very layer takes values from: see ``backward_reads``."""
        return self.backward_reads

    def is_harmed_in_place(self) -> bool:
        """Whether Caffe spoils the gradient of this very layer: see ``in_place_harms``."""
        return self.in_place_harms

    def runs_in_place(self) -> bool:
        """Whether this very layer may work in place: see ``may_run_in_place``."""
        return self.may_run_in_place

    def constant_bottoms(self) -> tuple[int, ...]:
        """The bottoms that this very layer sends no gradient to: see ``constants``."""
        return self.constants

    def lower(self, b: Builder, *bottoms: Expr) -> Expr | tuple[Expr, ...]:
        """The layer in PyTorch: one expression a top, or one whose value is a tuple of all."""
        raise AssertionError(f"{self.type} does not lower")

    def multiply_adds(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """Multiplications with an addition that one forward pass takes; 0 where none count."""
        return 0

    def kept_besides(self, bottoms: tuple[Shape, ...], tops: tuple[Shape, ...]) -> int:
        """Bytes of masks and the like that autograd keeps besides bottoms and tops."""
        return 0

    def reach(self, bottoms: tuple[Shape, ...]) -> Reach | None:
        """The window of a layer that has one. None: element by element, or all of the input."""
        return None

    def manner(self) -> str:
        """How it goes over its window, in a word or two: max; "" where that needs none."""
        return ""

    def numbers(self) -> tuple[str, ...]:
        """What a person says of it besides its window: 64, 2 groups."""
        outputs = getattr(self.p, "num_output", 0)
        return (str(outputs),) if outputs else ()

    def check_positive(self, *fields: str) -> None:
        """LayerError at the first of these fields that is no length: 1 to 2147483647."""
        for field in fields:
            value = getattr(self.p, field)
            if not 1 <= value <= MOST:
                limit = f"at most {MOST}" if value > MOST else "positive"
                stated = (field,) if self.has(field) else ()
                raise LayerError(f"{field} must be {limit}, it is {value}", *stated)

    def has(self, field: str) -> bool:
        """Whether the definition states a field of the type's own message."""
        if is_repeated(self.p.DESCRIPTOR.fields_by_name[field]):
            return bool(len(getattr(self.p, field)))
        return bool(self.p.HasField(field))


L = TypeVar("L", bound=type[Layer])


def register(*names: str) -> Callable[[L], L]:
    """Make a class the layer of these type names; a second layer of one name is a mistake."""

    def enter(cls: L) -> L:
        cls.type = names[0]
        for name in names:
            if not REGISTRY.is_free(name, cls.__module__):
                raise ValueError(f"the layer type {name!r} is registered twice")
            REGISTRY[name] = cls
        if cls.fields and cls.param:
            add_parameter(cls.param, cls.fields)
        return cls

    return enter


def canonical_axis(axis: int, shape: Shape, *field: str | int) -> int:
    """A non-negative axis, as Blob::CanonicalAxisIndex."""
    if not -len(shape) <= axis < len(shape):
        what = f"axis {axis} is out of range for a blob of {len(shape)} axes, {show(shape)}"
        hint = f"use {-len(shape)} to {len(shape) - 1}" if shape else None
        raise LayerError(what, *(field or ("axis",)), hint=hint)
    return axis % len(shape)


def flaw(shape: Shape) -> str | None:
    """What no blob has, as said after "it would have"; None for a shape that can be.

    Source: Blob::Reshape.
    """
    if len(shape) > MOST_AXES:
        return f"{len(shape)} axes, more than {MOST_AXES}"
    total = 1
    for n in shape:
        if n < 0:
            return f"the shape {show(shape)}"
        total *= n
        if total > MOST or n > MOST:
            return f"the shape {show(shape)}, more than {MOST} elements"
    return None


def check_dims(dims: Shape, *field: str | int) -> None:
    """LayerError at a dim, or at the BlobShape of that field, where there is no such blob."""
    for index, n in enumerate(dims):
        if not 0 <= n <= MOST:
            what = "can't be negative" if n < 0 else f"is at most {MOST}"
            raise LayerError(f"a dim {what}, it is {n}", *field, "dim", index)
    problem = flaw(dims)
    if problem:
        raise LayerError(f"the blob would have {problem}", *field)


def check_legacy(bottoms: tuple[Shape, ...]) -> None:
    """LayerError where a bottom has more than (n, c, h, w). Source: Blob::LegacyShape."""
    for index, shape in enumerate(bottoms):
        if len(shape) > 4:
            raise LayerError(f"it takes at most 4 axes, not {show(shape)}", "bottom", index)
