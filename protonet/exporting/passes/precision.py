"""Weights and values of half precision."""

from __future__ import annotations

import onnx_ir as ir


def half(model: ir.Model) -> None:
    """Not yet."""
