"""The name under which Caffe's own package has its compiled part; scripts import from it."""

from __future__ import annotations

from typing import Any

import protonet.pycaffe


def __getattr__(name: str) -> Any:
    return getattr(protonet.pycaffe, name)
