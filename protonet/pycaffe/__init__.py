"""Caffe's Python interface over protonet: what ``import caffe`` gives a script.

Every name is imported when it is first used, so that this import itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from protonet.pycaffe import hook

TRAIN, TEST = 0, 1
__version__ = "1.0.0"  # the last of Caffe's, whose interface this is

_SOLVERS = (
    *("SGDSolver", "NesterovSolver", "AdaGradSolver", "RMSPropSolver", "AdaDeltaSolver"),
    *("AdamSolver", "get_solver"),
)
_CONTROL = (
    *(
        "set_mode_cpu",
        "set_mode_gpu",
        "set_device",
        "set_engine",
        "set_random_seed",
        "init_log",
        "log",
    ),
    *("solver_count", "set_solver_count", "solver_rank", "set_solver_rank", "set_multiprocess"),
)
_HOMES = {
    "Net": "net",
    "Blob": "blob",
    "BlobVec": "blob",
    "Layer": "layer",
    **dict.fromkeys(_SOLVERS, "solver"),
    **dict.fromkeys(_CONTROL, "control"),
    "layer_type_list": "layer_types",
    **dict.fromkeys(("NCCL", "has_nccl"), "nccl"),
    "Timer": "timer",
    "Classifier": "classifier",
    "Detector": "detector",
    **dict.fromkeys(("NetSpec", "layers", "params", "to_proto"), "net_spec"),
}
_MODULES = (
    *("io", "draw", "coord_map", "net_spec", "proto", "classifier", "detector", "pycaffe"),
    "_caffe",
)
__all__ = ["TEST", "TRAIN", "__version__", *_HOMES, "io", "proto"]  # noqa: PLE0604 (all names)

hook.install()


def __getattr__(name: str) -> Any:
    """Import a name of Caffe's when it is first used."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(_missing(name))
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def _missing(name: str) -> str:
    """That a name is not here, the nearest that is, and where to ask for it."""
    from protonet.diagnostics import did_you_mean

    near = did_you_mean(name, [*_HOMES, *_MODULES, "TRAIN", "TEST"])
    hint = f"; {near}" if near else ""
    ask = "Caffe's own Python interface has no such name or protonet lacks it: open an issue there"
    return f"caffe, which protonet.pycaffe is here, has no {name!r}{hint} ({ask})"


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_MODULES})
