"""Which form a net runs in, as a command's options say and as pays."""

from __future__ import annotations

from torch import nn

from protonet.optimizing.compiler import compiled
from protonet.optimizing.optimize import optimize

_WORTH = 30  # compiling takes as long as about twelve passes, and each then half as long


def made_fast(
    net: nn.Module, passes: int, device: str, wanted: bool | None, through_compile: bool
) -> nn.Module:
    """A net for so many passes on a device: optimized where it pays, unless ``wanted`` says.

    NetError where ``through_compile`` asks for torch.compile and there is no compiler.
    """
    if through_compile:
        return compiled(net)
    if wanted is None:
        wanted = device == "cpu" and passes >= _WORTH
    return optimize(net) if wanted else net
