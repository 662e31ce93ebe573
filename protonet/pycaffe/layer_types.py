"""The types of layers that there are."""

from __future__ import annotations

from protonet.layers import REGISTRY


def layer_type_list() -> list[str]:
    """The names of all types, those of plugins among them, in order."""
    return sorted(name for name in REGISTRY if "." not in name)
