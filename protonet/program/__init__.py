"""A PyTorch program as data: expressions, names and the builder that layers lower into."""

from typing import TYPE_CHECKING

from protonet.program.builder import Builder
from protonet.program.expr import Expr, Literal, Name, Ref, wrap
from protonet.program.literal import number, single

if TYPE_CHECKING:
    import torch
    import torch.nn.functional as F
    from torch import nn
else:
    # Symbols that spell themselves: a layer writes nn.Conv2d and F.relu, and torch is not imported.
    torch, nn, F = Ref("torch"), Ref("nn"), Ref("F")

__all__ = [
    "Builder",
    "Expr",
    "F",
    "Literal",
    "Name",
    "Ref",
    "nn",
    "number",
    "single",
    "torch",
    "wrap",
]
