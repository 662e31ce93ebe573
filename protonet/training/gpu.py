"""What a GPU has no room for or stops at, said as a user can act on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from protonet.diagnostics import DeviceLost, NetError

_OWN = ("CUDA error", "cuDNN error")


def is_gpus_own(error: Exception) -> bool:
    """Whether a GPU failed, on which a second pass would fail as well."""
    full = isinstance(error, torch.cuda.OutOfMemoryError)
    return full or any(words in str(error) for words in _OWN)


@contextmanager
def gpu_told() -> Iterator[None]:
    """NetError where the GPU's memory is full, DeviceLost where a kernel refused what it was given.

    A kernel's refusal is noticed some calls later, and nothing can be computed there after it:
    which layer it was, a run on the CPU says.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        what = f"the GPU's memory is full: {_first_sentence(error)}"
        hint = "take a smaller batch_size; iter_size adds up the gradients of several"
        raise NetError(what, None, hint) from error
    except RuntimeError as error:
        if "device-side assert" not in str(error):
            raise
        what = "the GPU refused what a layer was given, and stopped"
        hint = "a label that is not below the number of classes does that; "
        raise DeviceLost(what, None, f"{hint}--device cpu names the layer") from error


def _first_sentence(error: Exception) -> str:
    """Of torch's words on memory, how much was asked for."""
    line = str(error).strip().partition("\n")[0]
    return line.removeprefix("CUDA out of memory. ").partition(". ")[0].lower()
