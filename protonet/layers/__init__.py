"""One class a layer type, each imported when it is asked for; this package knows their names."""

from protonet.layers import plugins
from protonet.layers.base import REGISTRY, Example, Layer, LayerError, ShapeUnknown, register

__all__ = [
    "REGISTRY",
    "Example",
    "Layer",
    "LayerError",
    "ShapeUnknown",
    "plugins",
    "register",
]

for _path in __path__:
    REGISTRY.look_in(__name__, _path)
    REGISTRY.look_in(f"{__name__}.contrib", f"{_path}/contrib")

plugins.load_entry_points()
