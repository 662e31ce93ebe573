"""The random numbers of a run: torch's, numpy's and Python's, for dropout and Python layers."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from protonet.arrays import Array
from protonet.data.position import Position
from protonet.data.random import WORDS

_SEEDS = 2**32


def seed_random(seed: int) -> None:
    """Start all three from one seed, as Caffe::set_random_seed does its own."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % _SEEDS)  # noqa: NPY002 (what a pycaffe layer draws from)


def marked(device: torch.device) -> Callable[[], None]:
    """What brings torch's random numbers, and the GPU's, back to where they are now."""
    host = torch.get_rng_state()
    gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def back() -> None:
        torch.set_rng_state(host)
        if gpu is not None:
            torch.cuda.set_rng_state(gpu, device)

    return back


def random_state(device: torch.device) -> Position:
    """The state of all three, and of the GPU's, as JSON can hold it."""
    version, words, gauss = random.getstate()
    kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    state = {
        "torch": _encoded(torch.get_rng_state().numpy()),
        "python": [version, list(words), gauss],
        "numpy": [kind, np.asarray(keys).tolist(), place, has_gauss, cached],
    }
    if device.type == "cuda":
        state["cuda"] = _encoded(torch.cuda.get_rng_state(device).numpy())
    return state


def restore_random(state: Mapping[str, Any], device: torch.device) -> None:
    """Go on where ``random_state`` was taken. ValueError and others where it is none."""
    torch.set_rng_state(_decoded(state["torch"]))
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    if not 0 <= int(state["numpy"][2]) <= WORDS:  # numpy would read anywhere
        raise ValueError(f"numpy's random numbers stand at {state['numpy'][2]} of {WORDS}")
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_decoded(state["cuda"]), device)


def _encoded(values: Array) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _decoded(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
