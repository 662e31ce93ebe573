"""to_caffe: a module, or a saved program, as prototxt and caffemodel."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from protonet.files import replacing_together
from protonet.lifting.captured import Captured, captured
from protonet.lifting.dialects import Dialect, dialect_of
from protonet.lifting.draft import Draft
from protonet.lifting.names import give_names
from protonet.lifting.proof import TRIALS, Gap, proved
from protonet.lifting.report import Lifted
from protonet.lifting.tidy import tidied
from protonet.lifting.walk import walked
from protonet.lifting.written import net_of, write

TOLERANCE = 1e-4


def to_caffe(
    module: nn.Module,
    example: Sequence[torch.Tensor] | torch.Tensor,
    path: str | os.PathLike[str],
    dialect: str = "bvlc",
    tolerance: float = TOLERANCE,
    keep: bool = False,
) -> Lifted:
    """Write a module as Caffe's two files, ``path``.prototxt and .caffemodel, and prove them equal.

    ``example`` are the tensors that forward takes; their sizes are the net's. ``dialect`` names
    the tool that is to read the files. The module is written as in evaluation, and left as it is.
    Before the files take their places they are compiled back and run beside the module, on the
    example and on random numbers: NetError where a blob is further from the module's value than
    ``tolerance`` of its largest number, and where operators can't be said in Caffe, all of them at
    once, each with its line of Python. ``keep`` keeps unequal files.
    """
    target = dialect_of(dialect)
    return lifted(captured(module, example), type(module).__name__, path, target, tolerance, keep)


def lifted(
    source: Captured,
    name: str,
    path: str | os.PathLike[str],
    dialect: Dialect,
    tolerance: float,
    keep: bool,
) -> Lifted:
    """Write a captured program; see ``to_caffe``."""
    draft = walked(source, dialect)
    tidied(draft)
    give_names(draft)
    stem = Path(path)
    stem = stem.with_suffix("") if stem.suffix in (".prototxt", ".caffemodel") else stem
    paths = [stem.with_name(stem.name + suffix) for suffix in (".caffemodel", ".prototxt")]
    net = net_of(draft, name)
    with replacing_together(paths) as (weights, text):
        write(net, draft, text, weights)
        gaps = proved(draft, source, text, weights, tolerance, keep)
    return _report(draft, gaps, paths, tolerance)


def _report(draft: Draft, gaps: list[Gap], paths: list[Path], tolerance: float) -> Lifted:
    worst = max(gaps, key=lambda gap: (math.isnan(gap.size), gap.size), default=None)
    return Lifted(
        os.fspath(paths[1]),
        os.fspath(paths[0]),
        tuple((layer.message.name, layer.type) for layer in draft.layers),
        sum(blob.size for layer in draft.layers for blob in layer.blobs),
        {blob.path: blob.shape for blob in draft.inputs},
        {blob.path: blob.shape for blob in draft.outputs},
        worst.size if worst else 0.0,
        worst.blob if worst else "",
        len(gaps),
        TRIALS,
        max((gap.rounding for gap in gaps), default=0.0),
        sum(not gap.size <= tolerance for gap in gaps),
    )
