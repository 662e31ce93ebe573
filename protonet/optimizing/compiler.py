"""A net through torch.compile, where there is what that needs."""

from __future__ import annotations

import os
import shutil
from typing import Any

import torch
from torch import nn

from protonet.diagnostics import NetError

_COMPILERS = ("c++", "g++", "clang++", "cl")


def compiled(net: nn.Module) -> nn.Module:
    """A net as torch.compile makes it for inference: all nets that it compiles from now on.

    NetError where there is no C++ compiler.
    """
    named = os.environ.get("CXX")
    if not any(shutil.which(each) for each in ([named] if named else _COMPILERS)):
        hint = "install g++ or name one in CXX; --optimize needs none"
        raise NetError("torch.compile needs a C++ compiler, and there is none", None, hint)
    from torch._inductor import config

    config.freezing = True  # an option of torch.compile by this name leaves weights as they are
    made: Any = torch.compile(net)
    assert isinstance(made, nn.Module)
    return made
