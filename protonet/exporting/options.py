"""What an exported file is to be like: one fact for all that pass it on."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from protonet.diagnostics import NetError

DYNAMIC: Final = "dynamic"
AXES = ("height", "width")
ENGINES = ("torch", "onnxruntime", "auto")  # what computes here: auto, the second where it can
RUNTIMES = ("onnxruntime", "opencv", "opencv4", "tensorrt")
OPSETS = (13, 23)
NATIVE_OPSET = 18  # the opset in which torch.onnx itself speaks
TOLERANCE = 1e-4
_TENSORRT_OPSET = 17  # of TensorRT 8.6 and later

BatchSize = int | Literal["dynamic"] | None


@dataclass(frozen=True)
class ExportOptions:
    """How a net is exported.

    ``batch`` is a number of images, "dynamic" for any, None for the definition's own; ``dynamic``
    are axes of the images that may be of any size; ``precision`` is fp32 or fp16; ``runtime`` is
    the one that is to load the file. NetError where one of them is no such thing.
    """

    opset: int = NATIVE_OPSET
    batch: BatchSize = None
    dynamic: tuple[str, ...] = ()
    precision: str = "fp32"
    check: bool = True
    tolerance: float = TOLERANCE
    runtime: str | None = None

    def __post_init__(self) -> None:
        for axis in self.dynamic:
            if axis not in AXES:
                raise NetError(f"a dynamic axis is height or width, not {axis!r}")
        if self.precision not in ("fp32", "fp16"):
            raise NetError(f"the precision is fp32 or fp16, not {self.precision!r}")
        if self.runtime not in (None, *RUNTIMES):
            hint = f"the runtimes are {', '.join(RUNTIMES)}"
            raise NetError(f"nothing is known of the runtime {self.runtime!r}", None, hint)
        low, high = OPSETS
        if not low <= self.opset <= high:
            raise NetError(f"the opset is {low} to {high}, not {self.opset}")
        if not 0 < self.tolerance < 1:
            raise NetError(f"the tolerance is between 0 and 1, not {self.tolerance}")

    @property
    def is_half(self) -> bool:
        """Whether weights and values are of half precision."""
        return self.precision == "fp16"

    @classmethod
    def of(
        cls,
        opset: int | None = None,
        batch: int | str | None = None,
        dynamic: Iterable[str] = (),
        precision: str = "fp32",
        check: bool = True,
        tolerance: float | None = None,
        runtime: str | None = None,
    ) -> ExportOptions:
        """What a caller's words mean. NetError where something is no such thing."""
        axes = (dynamic,) if isinstance(dynamic, str) else tuple(dynamic)
        axes = tuple(a.strip() for axis in axes for a in axis.split(","))
        usual = _TENSORRT_OPSET if runtime == "tensorrt" else NATIVE_OPSET
        chosen = usual if opset is None else _whole(opset, "opset")
        near = (1e-2 if precision == "fp16" else TOLERANCE) if tolerance is None else tolerance
        return cls(chosen, _batch(batch), axes, precision, check, near, runtime)


def _batch(given: Any) -> BatchSize:
    if given is None or given == DYNAMIC:
        return given  # type: ignore[no-any-return]
    try:
        batch = int(given) if isinstance(given, str) else operator.index(given)
    except (TypeError, ValueError):
        batch = 0
    if batch < 1:
        hint = 'give batch=1, or batch="dynamic" for any'
        raise NetError(f"the batch is a number of images or dynamic, not {given!r}", None, hint)
    return batch


def _whole(given: Any, what: str) -> int:
    try:
        return operator.index(given)
    except TypeError:
        raise NetError(f"the {what} is a whole number, not {given!r}") from None
