"""One class a layer type; importing this package registers them all."""

import importlib
import pkgutil

from protonet.layers import plugins
from protonet.layers.base import REGISTRY, Example, Layer, LayerError, ShapeUnknown, register

__all__ = ["REGISTRY", "Example", "Layer", "LayerError", "ShapeUnknown", "plugins", "register"]

for _folder in (__path__, [f"{path}/contrib" for path in __path__]):
    _prefix = f"{__name__}." if _folder is __path__ else f"{__name__}.contrib."
    for _module in pkgutil.iter_modules(_folder):
        if not _module.ispkg:
            importlib.import_module(_prefix + _module.name)

plugins.load_entry_points()
