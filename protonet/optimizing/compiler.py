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
    """A net as torch.compile makes it for inference. NetError where there is no C++ compiler."""
    named = os.environ.get("CXX")
    if not any(shutil.which(each) for each in ([named] if named else _COMPILERS)):
        hint = "install g++ or name one in CXX; --optimize needs none"
        raise NetError("torch.compile needs a C++ compiler, and there is none", None, hint)
    on_cpu = all(each.device.type == "cpu" for each in net.parameters())
    made: Any = torch.compile(net, options={"freezing": True}) if on_cpu else torch.compile(net)
    assert isinstance(made, nn.Module)
    return made
