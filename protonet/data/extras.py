"""Optional packages, imported where they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from protonet.diagnostics import NetError


class NotHere(NetError):
    """What data are read from, or by, is not on this machine; nothing is wrong with it."""


_PACKAGES = {"cv2": "opencv-python-headless"}


def need(module: str, what: str) -> Any:
    """Import a package of the data extra. NetError, with the way to get it, where it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        package = _PACKAGES.get(module, module)
        message = f"{what} needs the package {package}, which can't be imported ({error})"
        raise NotHere(message, None, 'pip install "protonet[data]"') from None
