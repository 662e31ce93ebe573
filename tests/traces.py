"""What a page leaves in this process, taken away again."""

from __future__ import annotations

import contextlib
import sys

import torch

from protonet.layers import REGISTRY
from protonet.layers.python import MAPPED
from protonet.schema import pool


@contextlib.contextmanager
def forgetting(folder):
    """Leave no module that was imported from a folder, no layer and no class that a page added."""
    kept = [dict(held) for held in (REGISTRY, MAPPED, pool._added)]
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(str(folder)):
                del sys.modules[name]
        for held, before in zip((REGISTRY, MAPPED, pool._added), kept, strict=True):
            for name in set(held) - set(before):
                del held[name]
        pool._pool.cache_clear()
        pool._classes.clear()


@contextlib.contextmanager
def one_thread():
    """Nets so small are slower on several threads, and tests beside this one wait for them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
